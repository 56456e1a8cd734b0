package main

import (
	"fmt"
	"io/fs"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structural "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"open-cluster-management.io/ocm/manifests"
	"sigs.k8s.io/yaml"
)

// schema does to an object of one kind what an API server does before it stores one.
type schema struct {
	shape     *structural.Structural
	validator validation.SchemaValidator
}

// accept adds the defaults in place, and tells why an API server would refuse the object.
func (s *schema) accept(object map[string]any) []string {
	defaulting.Default(object, s.shape)
	var refused []string
	for _, each := range validation.ValidateCustomResource(nil, object, s.validator) {
		refused = append(refused, each.Error())
	}
	return refused
}

// readSchemas reads the custom resource definitions that come with Open Cluster Management: "kind, apiVersion" → schema.
func readSchemas() (map[string]*schema, error) {
	found := map[string]*schema{}
	paths, err := fs.Glob(manifests.ClusterManagerManifestFiles, "cluster-manager/hub/crds/*_clusters.open-cluster-management.io_*.yaml")
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		text, err := fs.ReadFile(manifests.ClusterManagerManifestFiles, path)
		if err != nil {
			return nil, err
		}
		definition := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.Unmarshal(text, definition); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if err := addVersions(found, definition); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return found, nil
}

func addVersions(found map[string]*schema, definition *apiextensionsv1.CustomResourceDefinition) error {
	for _, version := range definition.Spec.Versions {
		if version.Schema == nil || version.Schema.OpenAPIV3Schema == nil {
			continue
		}
		properties := &apiextensions.JSONSchemaProps{}
		if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(
			version.Schema.OpenAPIV3Schema, properties, nil); err != nil {
			return err
		}
		shape, err := structural.NewStructural(properties)
		if err != nil {
			return err
		}
		validator, _, err := validation.NewSchemaValidator(properties)
		if err != nil {
			return err
		}
		found[kindOf(definition.Spec.Names.Kind, definition.Spec.Group+"/"+version.Name)] = &schema{shape, validator}
	}
	return nil
}

func kindOf(kind, apiVersion string) string {
	return kind + ", " + apiVersion
}
