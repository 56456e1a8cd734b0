module example.invalid/i4q-ai/testbed/modelpack

go 1.25.0

require github.com/modelpack/model-spec v0.0.7
