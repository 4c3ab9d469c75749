package cli

import (
	"context"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
)

// completionTimeout is how long a person who pressed the tab key is kept waiting for the cluster.
const completionTimeout = 3 * time.Second

// suggest names what an argument may be, from the domain that the flags name; args are those before it.
type suggest func(d domain, args []string, toComplete string) []string

// completeArgs completes each argument by the suggestion at its place; nil, and what follows, has none.
func (s *source) completeArgs(suggestions ...suggest) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective) {
		if len(args) >= len(suggestions) || suggestions[len(args)] == nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(c.Context(), completionTimeout)
		defer cancel()
		slices.Sort(s.filenames)
		s.filenames = slices.Compact(s.filenames) // cobra has read the flags twice
		d, err := s.load(ctx, io.Discard)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		directive := cobra.ShellCompDirectiveNoFileComp
		var found []string
		for _, candidate := range suggestions[len(args)](d, args, toComplete) {
			if strings.HasPrefix(candidate, toComplete) {
				found = append(found, candidate)
				if strings.HasSuffix(candidate, "/") {
					directive |= cobra.ShellCompDirectiveNoSpace
				}
			}
		}
		return found, directive
	}
}

// suggestUsers names the known users.
func suggestUsers(d domain, _ []string, _ string) []string { return d.Users() }

// suggestTypes names the resource types.
func suggestTypes(d domain, _ []string, _ string) []string { return d.ResourceTypes() }

// suggestActions names the actions of all types: the type follows the action.
func suggestActions(d domain, _ []string, _ string) []string { return newActionTable(d).names }

// suggestRecords names the types, and once one stands there with a slash, its records.
func suggestRecords(d domain, _ []string, toComplete string) []string {
	resourceType, _, ok := strings.Cut(toComplete, "/")
	if !ok {
		return d.ResourceTypes()
	}
	var found []string
	for _, object := range d.Objects(engine.KindRecordSet) {
		set, ok := object.(*v1alpha1.RecordSet)
		if !ok || string(set.Spec.ResourceType) != resourceType {
			continue
		}
		for i := range set.Spec.Records {
			found = append(found, resourceType+"/"+string(set.Spec.Records[i].ID))
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// suggestObjects names the objects of a kind.
func suggestObjects(kind engine.Kind) suggest {
	return func(d domain, _ []string, _ string) []string { return d.Names(kind) }
}
