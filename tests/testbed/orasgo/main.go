// Pushes files to a registry, and pulls them, by oras-go as it is:
//
//	orasgo push HOST/REPOSITORY:TAG FILE|FOLDER …
//	orasgo pull HOST/REPOSITORY:TAG FOLDER
//
// A folder stands for the files in it. Registries speak plain http, unless ORASGO_HTTPS is set.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content/file"
	"oras.land/oras-go/v2/registry/remote"
)

const (
	artifactType = "application/vnd.example.files.v1"
	mediaType    = "application/octet-stream"
)

func main() {
	if len(os.Args) < 4 {
		fmt.Fprintln(os.Stderr, "usage: orasgo push|pull REFERENCE PATH …")
		os.Exit(2)
	}
	if err := run(context.Background(), os.Args[1], os.Args[2], os.Args[3:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, verb, reference string, paths []string) error {
	repository, err := remote.NewRepository(reference)
	if err != nil {
		return err
	}
	repository.PlainHTTP = os.Getenv("ORASGO_HTTPS") == ""
	tag := repository.Reference.Reference
	switch verb {
	case "push":
		return push(ctx, repository, tag, paths)
	case "pull":
		return pull(ctx, repository, tag, paths[0])
	}
	return fmt.Errorf("unknown verb %q", verb)
}

func push(ctx context.Context, to oras.Target, tag string, paths []string) error {
	store, err := file.New("")
	if err != nil {
		return err
	}
	defer store.Close()
	found, err := files(paths)
	if err != nil {
		return err
	}
	layers := make([]ocispec.Descriptor, 0, len(found))
	for _, path := range found {
		layer, err := store.Add(ctx, filepath.Base(path), mediaType, path)
		if err != nil {
			return err
		}
		layers = append(layers, layer)
	}
	options := oras.PackManifestOptions{Layers: layers}
	manifest, err := oras.PackManifest(ctx, store, oras.PackManifestVersion1_1, artifactType, options)
	if err != nil {
		return err
	}
	if err := store.Tag(ctx, manifest, tag); err != nil {
		return err
	}
	_, err = oras.Copy(ctx, store, tag, to, tag, oras.DefaultCopyOptions)
	return err
}

func pull(ctx context.Context, from oras.ReadOnlyTarget, tag, folder string) error {
	store, err := file.New(folder)
	if err != nil {
		return err
	}
	defer store.Close()
	_, err = oras.Copy(ctx, from, tag, store, tag, oras.DefaultCopyOptions)
	return err
}

func files(paths []string) ([]string, error) {
	var found []string
	for _, path := range paths {
		about, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		if !about.IsDir() {
			found = append(found, path)
			continue
		}
		entries, err := os.ReadDir(path)
		if err != nil {
			return nil, err
		}
		for _, entry := range entries {
			found = append(found, filepath.Join(path, entry.Name()))
		}
	}
	return found, nil
}
