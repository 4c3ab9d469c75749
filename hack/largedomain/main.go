// Command largedomain writes the manifests of a made-up large domain into a folder, to measure kubectl remit
// with: 10,000 users, 500 roles, 200 resource types, 200 groups, 2,000 user permissions, 5,000 records. Half
// of the users hold the role widely-held. docs/cli.md has the results.
//
//	go run ./hack/largedomain FOLDER
package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

const (
	users, roles, types, groups, userPermissions, records = 10_000, 500, 200, 200, 2_000, 5_000

	head = "---\napiVersion: permissions.remit.dev/v1alpha1\nkind: %s\nmetadata: {name: %s}\n"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "Usage: largedomain FOLDER")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func write(folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	files := map[string]func(*bufio.Writer){
		"types.yaml": func(w *bufio.Writer) {
			fmt.Fprintf(w, head+"spec: {parentField: parent}\n", "ResourceType", "unit")
			for i := range types - 1 {
				fmt.Fprintf(w, head+"spec: {areas: [area-%d], fields: [{name: unit, linksTo: unit}]}\n", "ResourceType", fmt.Sprintf("type-%03d", i), i%20)
			}
		},
		"widely-held.yaml": func(w *bufio.Writer) {
			fmt.Fprintf(w, head+`spec:
  rules:
  - {resources: [type-000, type-001, type-002], access: ReadOnly}
  - {areas: [area-7], actions: [update], condition: resource.properties.owner == subject.id}
`, "Role", "widely-held")
		},
		"roles.yaml": func(w *bufio.Writer) {
			for i := range roles - 1 {
				fmt.Fprintf(w, head+`spec:
  rules:
  - {resources: [type-%03d, type-%03d], access: Full}
  - {areas: [area-%d], access: ReadOnly}
  - {resources: [type-%03d], actions: [read, update], condition: resource.properties.owner == subject.id, fields: [title, owner, status]}
  - {resources: [type-%03d], actions: [create], presets: {status: draft}, validations: [{expression: proposed.status == 'draft', message: drafts only}]}
`, "Role", fmt.Sprintf("role-%03d", i), i%199, (i+7)%199, i%20, (i+31)%199, (i+53)%199)
			}
		},
		"groups.yaml": func(w *bufio.Writer) {
			for i := range groups {
				fmt.Fprintf(w, head+"spec:\n  roles: [{name: role-%03d}]\n  members:\n", "Group", fmt.Sprintf("group-%03d", i), (i*3)%499)
				for n := i; n < users; n += groups {
					fmt.Fprintf(w, "  - {user: user-%05d@example.com}\n", n)
				}
			}
		},
		"users.yaml": func(w *bufio.Writer) {
			for i := range users {
				held := fmt.Sprintf("{name: role-%03d}, {name: role-%03d}", i%499, (i*7)%499)
				if i%499 == (i*7)%499 {
					held = fmt.Sprintf("{name: role-%03d}", i%499)
				}
				if i%2 == 0 {
					held += ", {name: widely-held}"
				}
				fmt.Fprintf(w, head+"spec: {id: user-%05d@example.com, roles: [%s], attributes: {department: dep-%d}}\n", "User", fmt.Sprintf("user-%05d", i), i, held, i%30)
			}
		},
		"userpermissions.yaml": func(w *bufio.Writer) {
			for i := range userPermissions {
				fmt.Fprintf(w, head+"spec: {user: user-%05d@example.com, allow: unit, forValues: [unit-%04d]}\n", "UserPermission", fmt.Sprintf("restrict-%04d", i), i*5, i)
			}
		},
		"records.yaml": func(w *bufio.Writer) {
			fmt.Fprintf(w, head+"spec:\n  resourceType: unit\n  records:\n  - {id: unit-0000}\n", "RecordSet", "units")
			for i := 1; i < records; i++ {
				fmt.Fprintf(w, "  - {id: unit-%04d, parent: unit-%04d}\n", i, (i-1)/8)
			}
		},
	}
	for name, fill := range files {
		file, err := os.Create(filepath.Join(folder, name))
		if err != nil {
			return err
		}
		w := bufio.NewWriter(file)
		fill(w)
		if err := errors.Join(w.Flush(), file.Close()); err != nil {
			return err
		}
	}
	return nil
}
