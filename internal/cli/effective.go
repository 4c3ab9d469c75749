package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/query"
)

// EffectiveOptions are those of `effective`.
type EffectiveOptions struct {
	Tool
	source source
	at     moment
	output output
	all    bool
	// grantedOnly leaves out what the user has no access to.
	grantedOnly bool

	user string
}

func (t Tool) newEffective() *cobra.Command {
	o := &EffectiveOptions{Tool: t, source: newSource(), output: newOutput(outputTable, outputJSON, outputYAML, outputCSV)}
	c := &cobra.Command{
		Use:   "effective USER",
		Short: "Show everything that a user can do, and what decides it",
		Long: `Show everything that a user can do: resource types by actions, and what decides.

  yes   on every record, as far as user permissions (RESTRICTED BY) let the user see it
  if    it depends on the record, the fields, the address or the second factor
  -     no

An empty place is an action that the type does not have. JSON and YAML are the EffectivePermissions that the
operator keeps in the cluster; CSV has a line for each user and type.

Who may not list the objects of the domain, but may read its EffectivePermissions, is shown those.`,
		Example: `  # One user, on the cluster
  kubectl remit effective richard -n cin7

  # One user, from manifests, at another time
  kubectl remit effective leisa --at 2031-01-01T00:00:00Z -f config/samples/cin7

  # All users, for a spreadsheet
  kubectl remit effective --all --granted-only -o csv -f config/samples/erp`,
		Args: cobra.ArbitraryArgs, // Complete knows whether --all takes the place of the user
		RunE: run(o),

		ValidArgsFunction: o.source.completeArgs(suggestUsers),
	}
	o.source.addFlags(c)
	o.at.addFlag(c)
	o.output.addFlag(c)
	c.Flags().BoolVar(&o.all, "all", false, "Every known user")
	c.Flags().BoolVar(&o.grantedOnly, "granted-only", false,
		"Leave out resource types without access, unless a special permission takes it away, and users that nothing is left of")
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

// matrices are what is printed: the answers for users, from wherever they come.
type matrices struct {
	namespace string
	users     []string
	actions   *actionTable
	// status of a user, and its row for each resource type. Both may be called by several goroutines.
	status func(user string) v1alpha1.EffectivePermissionsStatus
	rows   func(user string) iter.Seq[v1alpha1.EffectivePermission]
	// grantedOnly says that users without any row are left out.
	grantedOnly bool
}

// leaveOutNone leaves out the resource types that a user has no access to, but for those where a special permission
// takes it away.
func (m *matrices) leaveOutNone() {
	m.grantedOnly = true
	status, rows := m.status, m.rows
	isLeft := func(p *v1alpha1.EffectivePermission) bool {
		return p.Access != v1alpha1.AccessNone || len(p.Overridden) > 0
	}
	m.status = func(user string) v1alpha1.EffectivePermissionsStatus {
		left := status(user)
		permissions := left.Permissions
		left.Permissions = nil
		for i := range permissions {
			if isLeft(&permissions[i]) {
				left.Permissions = append(left.Permissions, permissions[i])
			}
		}
		return left
	}
	m.rows = func(user string) iter.Seq[v1alpha1.EffectivePermission] {
		return func(yield func(v1alpha1.EffectivePermission) bool) {
			for p := range rows(user) {
				if isLeft(&p) && !yield(p) {
					return
				}
			}
		}
	}
}

// isEmpty reports whether there is nothing to print of a user.
func (m *matrices) isEmpty(user string) bool {
	return m.grantedOnly && len(m.status(user).Permissions) == 0
}

// Run prints user by user.
func (o *EffectiveOptions) Run(ctx context.Context) error {
	m, err := o.evaluate(ctx)
	if forbidden, ok := errors.AsType[*forbiddenError](err); ok && o.at.written == "" {
		m, err = o.readComputed(ctx, forbidden)
	}
	if err != nil {
		return err
	}
	if o.grantedOnly {
		m.leaveOutNone()
	}
	if !o.all {
		switch o.output.format {
		case outputJSON, outputYAML:
			return printValue(o.Out, o.output.format, m.object(o.user))
		case outputTable:
			return o.printMatrix(o.Out, m, o.user)
		}
	}
	return o.stream(ctx, m)
}

// evaluate asks the engine. Effective permissions do not depend on records.
func (o *EffectiveOptions) evaluate(ctx context.Context) (*matrices, error) {
	d, err := o.source.load(ctx, o.ErrOut, engine.KindRecordSet)
	if err != nil {
		return nil, err
	}
	m := &matrices{
		namespace: d.namespace, users: []string{o.user}, actions: newActionTable(d),
		status: func(user string) v1alpha1.EffectivePermissionsStatus {
			status, err := d.Effective(user, o.at.time)
			if err != nil {
				fmt.Fprintf(o.ErrOut, "Warning: the permissions of %s are not known: %v\n", user, err)
			}
			return status
		},
		rows: func(user string) iter.Seq[v1alpha1.EffectivePermission] { return d.Matrix(user, o.at.time) },
	}
	if o.all {
		m.users = d.Users()
	} else if !d.Knows(o.user) {
		near := query.NearUser(d.Domain, o.user)
		if near != "" {
			near = fmt.Sprintf(" (did you mean %s?)", near)
		}
		return nil, fmt.Errorf("nothing in the domain %s names the user %q%s; it can do what a user without roles can", d.namespace, o.user, near)
	}
	return m, nil
}

// readComputed takes what the operator has computed, for who may read that and not what it is computed from.
func (o *EffectiveOptions) readComputed(ctx context.Context, forbidden *forbiddenError) (*matrices, error) {
	computed, err := o.source.computedPermissions(ctx, o.user)
	if apierrors.IsForbidden(err) {
		return nil, fmt.Errorf("%w; the right to read effectivepermissions.%s would do as well", forbidden, v1alpha1.GroupName)
	}
	if apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("the operator has computed no permissions of the user %q in the namespace %s", o.user, forbidden.namespace)
	}
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(o.ErrOut, "Note: you may not list %s in the namespace %s. Shown is what the operator last computed; "+
		"resource types without access are left out.\n", strings.Join(forbidden.resources, ", "), forbidden.namespace)
	m := &matrices{namespace: forbidden.namespace, actions: &actionTable{}}
	byUser := map[string]*v1alpha1.EffectivePermissionsStatus{}
	for i := range computed {
		user, status := string(computed[i].Spec.User), &computed[i].Status
		m.users = append(m.users, user)
		byUser[user] = status
		for n := range status.Permissions {
			for _, action := range slices.Concat(status.Permissions[n].Allowed, status.Permissions[n].Conditional) {
				if !slices.Contains(m.actions.names, action) {
					m.actions.names = append(m.actions.names, action)
				}
			}
		}
	}
	slices.Sort(m.users)
	slices.Sort(m.actions.names)
	m.status = func(user string) v1alpha1.EffectivePermissionsStatus { return *byUser[user] }
	m.rows = func(user string) iter.Seq[v1alpha1.EffectivePermission] {
		return slices.Values(byUser[user].Permissions)
	}
	return m, nil
}

// object is an EffectivePermissions as the operator keeps it.
func (m *matrices) object(user string) *v1alpha1.EffectivePermissions {
	status := m.status(user)
	status.Conditions, status.ObservedRevision, status.ObservedGeneration = nil, "", 0
	return &v1alpha1.EffectivePermissions{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "EffectivePermissions"},
		ObjectMeta: metav1.ObjectMeta{Name: v1alpha1.EffectivePermissionsName(user), Namespace: m.namespace},
		Spec:       v1alpha1.EffectivePermissionsSpec{User: v1alpha1.UserID(user)},
		Status:     status,
	}
}

// batch is how many users are worked out before they are printed: all that is in memory of them.
const batch = 128

// stream prints users one after another, in their order, however many there are.
func (o *EffectiveOptions) stream(ctx context.Context, m *matrices) error {
	out := bufio.NewWriterSize(o.Out, 1<<16)
	format := streamFormats[o.output.format]
	bar := o.newProgress(len(m.users), "users")
	defer bar.done()
	fmt.Fprint(out, format.head(m))
	printed := false
	texts := make([]bytes.Buffer, batch)
	for first := 0; first < len(m.users); first += batch {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		users := m.users[first:min(first+batch, len(m.users))]
		var group errgroup.Group
		group.SetLimit(runtime.GOMAXPROCS(0))
		for i, user := range users {
			group.Go(func() error {
				texts[i].Reset()
				if m.isEmpty(user) {
					return nil
				}
				return format.user(o, &texts[i], m, user)
			})
		}
		if err := group.Wait(); err != nil {
			return err
		}
		for i := range users {
			if texts[i].Len() == 0 {
				continue
			}
			if printed {
				fmt.Fprint(out, format.between)
			}
			printed = true
			if _, err := out.Write(texts[i].Bytes()); err != nil {
				return err
			}
		}
		bar.advance(first + len(users))
	}
	if !printed {
		fmt.Fprint(out, format.none)
	}
	fmt.Fprint(out, format.tail)
	return out.Flush()
}

// streamFormats are the ways to print one user after another.
var streamFormats = map[string]struct {
	head func(m *matrices) string
	user func(o *EffectiveOptions, w *bytes.Buffer, m *matrices, user string) error
	// between two users, in place of the users where there are none, and after them.
	between, none, tail string
}{
	outputTable: {
		head: func(*matrices) string { return "" },
		user: func(o *EffectiveOptions, w *bytes.Buffer, m *matrices, user string) error {
			return o.printMatrix(w, m, user)
		},
		between: "\n",
	},
	outputCSV: {
		head: func(m *matrices) string {
			var text strings.Builder
			_ = printCSV(&text, slices.Concat([]string{"user", "resource", "access"}, m.actions.names, []string{"decidedBy", "overridden", "restrictedBy"})) // into memory
			return text.String()
		},
		user: func(_ *EffectiveOptions, w *bytes.Buffer, m *matrices, user string) error {
			return printCSV(w, m.csv(user)...)
		},
	},
	outputJSON: {
		head: func(*matrices) string {
			return fmt.Sprintf("{\n  \"apiVersion\": %q,\n  \"kind\": \"EffectivePermissionsList\",\n  \"metadata\": {},\n  \"items\": [", v1alpha1.GroupVersion)
		},
		user: func(_ *EffectiveOptions, w *bytes.Buffer, m *matrices, user string) error {
			text, err := json.MarshalIndent(m.object(user), "    ", "  ")
			w.WriteString("\n    ")
			w.Write(text)
			return err
		},
		between: ",",
		tail:    "\n  ]\n}\n",
	},
	outputYAML: {
		head: func(*matrices) string {
			return fmt.Sprintf("apiVersion: %s\nkind: EffectivePermissionsList\nmetadata: {}\nitems:", v1alpha1.GroupVersion)
		},
		user: func(_ *EffectiveOptions, w *bytes.Buffer, m *matrices, user string) error {
			text, err := yaml.Marshal([]*v1alpha1.EffectivePermissions{m.object(user)})
			w.WriteString("\n")
			w.Write(bytes.TrimSuffix(text, []byte("\n")))
			return err
		},
		none: " []",
		tail: "\n",
	},
}

// printMatrix prints what a user is, and the table of types by actions.
func (o *EffectiveOptions) printMatrix(w io.Writer, m *matrices, user string) error {
	status := m.status(user)
	fmt.Fprintf(w, "User %s%s\n", o.palette().paint(bold, user), flags(&status))
	line := func(name, text string) {
		if text != "" {
			fmt.Fprintf(w, "%s: %s\n", name, text)
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
	fmt.Fprintln(w)

	accesses := map[v1alpha1.Access]style{v1alpha1.AccessFull: green, v1alpha1.AccessReadOnly: green, v1alpha1.AccessCustom: yellow, v1alpha1.AccessNone: faint}
	var out table
	head := plain("RESOURCE", "ACCESS")
	for _, action := range m.actions.names {
		head = append(head, cell{text: strings.ToUpper(action)})
	}
	out.row(append(head, plain("DECIDED BY", "RESTRICTED BY")...)...)
	for permission := range m.rows(user) {
		cells := []cell{{text: permission.Resource}, {string(permission.Access), accesses[permission.Access]}}
		for _, action := range m.actions.names {
			cells = append(cells, marks[m.actions.level(&permission, action)])
		}
		decided := strings.Join(permission.DecidedBy, ", ")
		if len(permission.Overridden) > 0 {
			decided += ", over " + strings.Join(permission.Overridden, ", ")
		}
		out.row(append(cells, plain(decided, strings.Join(permission.RestrictedBy, ", "))...)...)
	}
	out.print(w, o.palette())
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

// csv has a row for each type of a user. Lists in a cell are separated by spaces.
func (m *matrices) csv(user string) [][]string {
	var rows [][]string
	for permission := range m.rows(user) {
		row := []string{user, permission.Resource, string(permission.Access)}
		for _, action := range m.actions.names {
			row = append(row, string(m.actions.level(&permission, action)))
		}
		for _, objects := range [][]string{permission.DecidedBy, permission.Overridden, permission.RestrictedBy} {
			row = append(row, strings.Join(objects, " "))
		}
		rows = append(rows, row)
	}
	return rows
}
