// Answers what Open Cluster Management's own scheduling controller decides, without any server: a case a line on stdin, an answer a line on stdout.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
)

const longestLine = 1 << 30

func main() {
	bench := flag.Int("bench", 0, "time every placement of the one world on stdin this many times, instead of answering cases")
	flag.Parse()
	klog.SetLogger(logr.Discard())
	ctx := klog.NewContext(context.Background(), logr.Discard())
	if err := run(ctx, *bench); err != nil {
		fmt.Fprintln(os.Stderr, "oracle:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, rounds int) error {
	schemas, err := readSchemas()
	if err != nil {
		return err
	}
	lines, out := bufio.NewScanner(os.Stdin), json.NewEncoder(os.Stdout)
	lines.Buffer(nil, longestLine)
	out.SetEscapeHTML(false)
	for lines.Scan() {
		asked, err := readCase(lines.Bytes(), schemas)
		if err != nil {
			return err
		}
		if rounds > 0 {
			err = measure(ctx, asked, rounds, out)
		} else {
			err = respond(ctx, asked, out)
		}
		if err != nil {
			return err
		}
	}
	return lines.Err()
}

func respond(ctx context.Context, asked *question, out *json.Encoder) error {
	if len(asked.refused) > 0 {
		return out.Encode(map[string]any{"refused": asked.refused})
	}
	answer, err := decide(ctx, asked)
	if err != nil {
		return err
	}
	return out.Encode(answer)
}
