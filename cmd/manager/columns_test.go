package main

import (
	"fmt"
	"slices"
	"testing"
	"unicode/utf8"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/kinds"
)

// checkColumns: what kubectl shows of a domain fits a terminal of 120 columns, and says of every kind whether it is ready.
func (c *cluster) checkColumns(t *testing.T, namespace string) {
	t.Helper()
	config := rest.CopyConfig(c.env.Config)
	config.APIPath, config.GroupVersion = "/apis", &v1alpha1.GroupVersion
	scheme := runtime.NewScheme()
	metav1.AddToGroupVersion(scheme, v1alpha1.GroupVersion)
	config.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	config.AcceptContentTypes = "application/json;as=Table;v=v1;g=meta.k8s.io"
	client, err := rest.RESTClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	resources := []string{"effectivepermissions"}
	prefix := map[string]int{} // kubectl get remit shows the kinds that people write, with the resource before the name
	for _, kind := range kinds.Table {
		resources = append(resources, kind.Resource)
		prefix[kind.Resource] = utf8.RuneCountInString(string(kind.Kind) + "." + v1alpha1.GroupName + "/")
	}
	for _, resource := range resources {
		var table metav1.Table
		if err := client.Get().Namespace(namespace).Resource(resource).Do(t.Context()).Into(&table); err != nil {
			t.Fatalf("the table of %s: %v", resource, err)
		}
		width, shown := prefix[resource], []string{}
		for i := range table.ColumnDefinitions {
			column := &table.ColumnDefinitions[i]
			if column.Priority != 0 {
				continue // -o wide
			}
			shown = append(shown, column.Name)
			widest := utf8.RuneCountInString(column.Name)
			for j := range table.Rows {
				widest = max(widest, utf8.RuneCountInString(fmt.Sprint(table.Rows[j].Cells[i])))
			}
			width += widest + 3
		}
		if len(table.Rows) == 0 || !slices.Contains(shown, "Ready") || width-3 > 120 {
			t.Errorf("%s: %d objects take %d columns, with %q", resource, len(table.Rows), width-3, shown)
		}
	}
}
