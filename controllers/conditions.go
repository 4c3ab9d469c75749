package controllers

import (
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/remit-authz/remit/internal/engine"
)

const (
	// mostListed is how many names or problems a message lists.
	mostListed = 10
	// longestMessage bounds the message of a condition, in bytes; the API allows eight times as much.
	longestMessage = 4096
)

// conditions collects the conditions of one object, in the order in which they are shown.
type conditions struct {
	before     []metav1.Condition
	generation int64
	now        metav1.Time
	list       []metav1.Condition
}

// add adds a condition. If its status is as before, so is the time of its last transition.
func (c *conditions) add(conditionType string, status bool, reason, message string) {
	condition := metav1.Condition{
		Type: conditionType, Status: metav1.ConditionFalse, ObservedGeneration: c.generation,
		LastTransitionTime: c.now, Reason: reason, Message: shorten(message, longestMessage),
	}
	if status {
		condition.Status = metav1.ConditionTrue
	}
	for _, before := range c.before {
		if before.Type == condition.Type && before.Status == condition.Status {
			condition.LastTransitionTime = before.LastTransitionTime
		}
	}
	c.list = append(c.list, condition)
}

// keep keeps a condition as it was, if there was one.
func (c *conditions) keep(conditionType string) {
	for _, before := range c.before {
		if before.Type == conditionType {
			c.list = append(c.list, before)
		}
	}
}

// shorten bounds a message to a number of bytes, at the end of a character.
func shorten(message string, longest int) string {
	const more = "…"
	if len(message) <= longest {
		return message
	}
	return strings.ToValidUTF8(message[:longest-len(more)], "") + more
}

// listed joins the first few of the texts.
func listed[T any](items []T, separator string, text func(T) string) string {
	texts := make([]string, 0, min(len(items), mostListed))
	for _, item := range items[:min(len(items), mostListed)] {
		texts = append(texts, text(item))
	}
	joined := strings.Join(texts, separator)
	if left := len(items) - len(texts); left > 0 {
		joined = fmt.Sprintf("%s%sand %d more", joined, separator, left)
	}
	return joined
}

// problems is the message about what is wrong with an object.
func problems(list []engine.Problem) string {
	return listed(list, "; ", func(p engine.Problem) string {
		if p.Path == "" {
			return p.Message
		}
		return p.Path + ": " + p.Message
	})
}

// names lists other objects.
func names(refs []engine.Ref) string { return listed(refs, ", ", engine.Ref.String) }
