package cli

import (
	"context"
	"encoding/csv"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
)

// EffectiveOptions are those of `effective`.
type EffectiveOptions struct {
	Tool
	source source
	at     moment
	output output
	all    bool

	user string
}

func (t Tool) newEffective() *cobra.Command {
	o := &EffectiveOptions{Tool: t, source: newSource(), output: newOutput(outputTable, outputJSON, outputYAML, outputCSV)}
	c := &cobra.Command{
		Use:   "effective USER",
		Short: "Show everything that a user may do, and what decides it",
		Long: `Show everything that a user may do: resource types by actions, and what decides.

  yes   on every record, as far as user permissions (RESTRICTED BY) let the user see it
  if    it depends on the record, the fields, the address or the second factor
  -     no

An empty place is an action that the type does not have. JSON and YAML are the EffectivePermissions that the
operator keeps in the cluster; CSV has a line for each user and type.`,
		Example: `  # One user, on the cluster
  kubectl remit effective richard -n cin7

  # One user, from manifests, at another time
  kubectl remit effective leisa --at 2031-01-01T00:00:00Z -f config/samples/cin7

  # All users, for a spreadsheet
  kubectl remit effective --all -o csv -f config/samples/erp`,
		Args: cobra.ArbitraryArgs, // Complete knows whether --all takes the place of the user
		RunE: run(o),
	}
	o.source.addFlags(c)
	o.at.addFlag(c)
	o.output.addFlag(c)
	c.Flags().BoolVar(&o.all, "all", false, "Every known user")
	return c
}

// Complete takes the user.
func (o *EffectiveOptions) Complete(args []string) error {
	switch {
	case o.all && len(args) > 0:
		return usagef("--all takes no USER")
	case !o.all && len(args) != 1:
		return usagef("takes one USER, or --all")
	case !o.all:
		o.user = args[0]
	}
	return o.at.complete(o.Clock)
}

// Validate checks the format.
func (o *EffectiveOptions) Validate() error { return o.output.validate() }

// Run prints user by user.
func (o *EffectiveOptions) Run(ctx context.Context) error {
	d, err := o.source.load(ctx, o.ErrOut)
	if err != nil {
		return err
	}
	users := d.Users()
	if !o.all {
		if !d.Knows(o.user) {
			return fmt.Errorf("nothing in the domain %s names the user %q; it may do what a user without roles may", d.namespace, o.user)
		}
		users = []string{o.user}
	}
	actions := newActionTable(d)
	switch o.output.format {
	case outputJSON, outputYAML:
		return o.printObjects(d, users)
	case outputCSV:
		return o.printCSV(d, actions, users)
	}
	for i, user := range users {
		if i > 0 {
			fmt.Fprintln(o.Out)
		}
		if err := o.printMatrix(d, actions, user); err != nil {
			return err
		}
	}
	return nil
}

// printObjects prints the EffectivePermissions of one user as they are, of all users as a list.
func (o *EffectiveOptions) printObjects(d domain, users []string) error {
	list := v1alpha1.EffectivePermissionsList{
		TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "EffectivePermissionsList"},
		Items:    make([]v1alpha1.EffectivePermissions, 0, len(users)),
	}
	for _, user := range users {
		list.Items = append(list.Items, v1alpha1.EffectivePermissions{
			TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "EffectivePermissions"},
			ObjectMeta: metav1.ObjectMeta{Name: v1alpha1.EffectivePermissionsName(user), Namespace: d.namespace},
			Spec:       v1alpha1.EffectivePermissionsSpec{User: v1alpha1.UserID(user)},
			Status:     d.Effective(user, o.at.time),
		})
	}
	if o.all {
		return printValue(o.Out, o.output.format, list)
	}
	return printValue(o.Out, o.output.format, list.Items[0])
}

// printMatrix prints what a user is, and the table of types by actions.
func (o *EffectiveOptions) printMatrix(d domain, actions *actionTable, user string) error {
	status := d.Effective(user, o.at.time)
	fmt.Fprintf(o.Out, "User %s%s\n", user, flags(&status))
	line := func(name, text string) {
		if text != "" {
			fmt.Fprintf(o.Out, "%s: %s\n", name, text)
		}
	}
	roles := make([]string, len(status.Roles))
	for i, role := range status.Roles {
		roles[i] = role.Name
		if len(role.Via) > 0 {
			roles[i] += " (" + strings.Join(role.Via, ", ") + ")"
		}
	}
	line("Groups", strings.Join(status.Groups, ", "))
	line("Roles", strings.Join(roles, ", "))
	if status.NextTransition != nil {
		line("Next change", status.NextTransition.UTC().Format(time.RFC3339))
	}
	fmt.Fprintln(o.Out)

	marks := map[level]string{allowed: "yes", conditional: "if", denied: "-", undeclared: ""}
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 3, ' ', 0)
	row := func(cells []string) { fmt.Fprintln(table, strings.Join(cells, "\t")) }
	head := []string{"RESOURCE", "ACCESS"}
	for _, action := range actions.names {
		head = append(head, strings.ToUpper(action))
	}
	row(append(head, "DECIDED BY", "RESTRICTED BY"))
	for _, name := range d.ResourceTypes() {
		permission, _ := d.EffectiveOn(user, name, o.at.time)
		cells := []string{name, string(permission.Access)}
		for _, action := range actions.names {
			cells = append(cells, marks[actions.level(&permission, action)])
		}
		decided := strings.Join(permission.DecidedBy, ", ")
		if len(permission.Overridden) > 0 {
			decided += ", over " + strings.Join(permission.Overridden, ", ")
		}
		row(append(cells, decided, strings.Join(permission.RestrictedBy, ", ")))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(text.String()) {
		fmt.Fprintln(o.Out, strings.TrimRight(line, " \n"))
	}
	return nil
}

// flags are what a user is besides what it holds.
func flags(status *v1alpha1.EffectivePermissionsStatus) string {
	var flags []string
	for _, flag := range []struct {
		name string
		set  bool
	}{{"superuser", status.Superuser}, {"admin", status.Admin}, {"disabled", status.Disabled}} {
		if flag.set {
			flags = append(flags, flag.name)
		}
	}
	if len(flags) == 0 {
		return ""
	}
	return " (" + strings.Join(flags, ", ") + ")"
}

// level is what a user may do with an action of a type.
type level string

// The levels.
const (
	allowed     level = "allowed"
	conditional level = "conditional"
	denied      level = "denied"
	undeclared  level = "" // the type does not have the action
)

// actionTable has the actions of all types of a domain.
type actionTable struct {
	// names are in the order in which the types, sorted by name, declare them.
	names    []string
	declared map[string]map[string]bool // by type and action
}

// usualActions are those of a type that declares none.
var usualActions = []v1alpha1.Action{{Name: "read"}, {Name: "create"}, {Name: "update"}, {Name: "delete"}}

func newActionTable(d domain) *actionTable {
	t := &actionTable{declared: map[string]map[string]bool{}}
	for _, object := range d.Objects(engine.KindResourceType) {
		resourceType, ok := object.(*v1alpha1.ResourceType)
		if !ok {
			continue
		}
		actions := resourceType.Spec.Actions
		if len(actions) == 0 {
			actions = usualActions
		}
		declared := map[string]bool{}
		for _, action := range actions {
			declared[string(action.Name)] = true
			if !slices.Contains(t.names, string(action.Name)) {
				t.names = append(t.names, string(action.Name))
			}
		}
		t.declared[resourceType.Name] = declared
	}
	return t
}

func (t *actionTable) level(permission *v1alpha1.EffectivePermission, action string) level {
	switch {
	case slices.Contains(permission.Allowed, action):
		return allowed
	case slices.Contains(permission.Conditional, action):
		return conditional
	case t.declared[permission.Resource][action]:
		return denied
	}
	return undeclared
}

// printCSV prints a line for each user and type. Lists in a field are separated by spaces.
func (o *EffectiveOptions) printCSV(d domain, actions *actionTable, users []string) error {
	w := csv.NewWriter(o.Out)
	row := slices.Concat([]string{"user", "resource", "access"}, actions.names, []string{"decidedBy", "overridden", "restrictedBy"})
	if err := w.Write(row); err != nil {
		return err
	}
	for _, user := range users {
		for _, name := range d.ResourceTypes() {
			permission, _ := d.EffectiveOn(user, name, o.at.time)
			row = append(row[:0], user, name, string(permission.Access))
			for _, action := range actions.names {
				row = append(row, string(actions.level(&permission, action)))
			}
			for _, objects := range [][]string{permission.DecidedBy, permission.Overridden, permission.RestrictedBy} {
				row = append(row, strings.Join(objects, " "))
			}
			if err := w.Write(row); err != nil {
				return err
			}
		}
	}
	w.Flush()
	return w.Error()
}
