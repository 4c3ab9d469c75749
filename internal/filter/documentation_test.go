package filter_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/remit-authz/remit/internal/filter"
)

// TestDocumentation makes sure that docs/filters.md shows what is encoded.
func TestDocumentation(t *testing.T) {
	page, err := os.ReadFile("../../docs/filters.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := map[filter.Format]any{}
	for _, block := range strings.Split(string(page), "```json\n")[1:] {
		text, _, _ := strings.Cut(block, "```")
		var answer map[string]any
		if err := json.Unmarshal([]byte(text), &answer); err != nil {
			t.Errorf("%v in\n%s", err, text)
		}
		for _, format := range filter.Formats {
			if condition, ok := answer[string(format)]; ok {
				shown[format] = condition
			}
		}
	}
	tree := filter.All(
		treeOf(t, `resource.properties.status != "draft" || resource.properties.owner == "ann"`),
		filter.Links(field("company"), []string{"North", "South"}, true),
	)
	for _, format := range filter.Formats {
		encoded, err := filter.Encode(tree, format)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(encoded.Condition)
		if err != nil {
			t.Fatal(err)
		}
		var want any
		if err := json.Unmarshal(text, &want); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, shown[format]); diff != "" {
			t.Errorf("the page's example in %s (-want +got):\n%s\n%s", format, diff, text)
		}
	}
}
