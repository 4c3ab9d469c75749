package wire

import (
	"fmt"
	"strconv"

	"github.com/remit-authz/remit/internal/engine"
)

// Decision is an AuthZEN decision, as JSON.
type Decision struct {
	Decision bool            `json:"decision"`
	Context  decisionContext `json:"context"`
}

// decisionContext says why, and what goes with the decision. What does not apply is left out.
type decisionContext struct {
	Reason             engine.Reason  `json:"reason,omitempty"`
	Message            string         `json:"message,omitempty"`
	Revision           string         `json:"revision,omitempty"`
	Fields             []string       `json:"fields,omitempty"`
	ExceptFields       []string       `json:"except_fields,omitempty"`
	Presets            map[string]any `json:"presets,omitempty"`
	MissingProperties  []string       `json:"missing_properties,omitempty"`
	MissingContext     []string       `json:"missing_context,omitempty"`
	MissingRequest     []string       `json:"missing_request,omitempty"`
	Violations         []violation    `json:"violations,omitempty"`
	ValidationMessages []string       `json:"validation_messages,omitempty"`
	StepUp             []string       `json:"step_up,omitempty"`
	Trace              []traceStage   `json:"trace,omitempty"`
	// Error is set instead of all others on an evaluation of a batch that could not be made.
	Error *evaluationError `json:"error,omitempty"`
}

type violation struct {
	Field string                `json:"field"`
	Value any                   `json:"value,omitempty"`
	Allow string                `json:"allow"`
	Cause engine.ViolationCause `json:"cause"`
}

type evaluationError struct {
	Status  int    `json:"status"`
	Message string `json:"message"`
}

// traceStage is what a stage looked at, and what came of it.
type traceStage struct {
	Stage   string       `json:"stage"`
	Name    string       `json:"name"`
	Outcome string       `json:"outcome"`
	Entries []traceEntry `json:"entries,omitempty"`
}

// traceEntry is what a stage found in an object: a code for programs, and a clause for people.
type traceEntry struct {
	Code   engine.TraceCode `json:"code"`
	Object string           `json:"object,omitempty"`
	Field  string           `json:"field,omitempty"`
	Said   string           `json:"said"`
}

// NewDecision is what the engine decided as AuthZEN writes it, with the trace and the revision where they are given.
// The command line prints it too.
func NewDecision(decided *engine.Decision, trace []engine.TraceStage, revision string) *Decision {
	d := &Decision{
		Decision: decided.Allow,
		Context: decisionContext{
			Reason:             decided.Reason,
			Message:            decided.Message(),
			Revision:           revision,
			Fields:             decided.Fields,
			ExceptFields:       decided.ExceptFields,
			Presets:            decided.Presets,
			MissingProperties:  decided.MissingProperties,
			MissingContext:     decided.MissingContext,
			MissingRequest:     decided.MissingRequest,
			ValidationMessages: decided.ValidationMessages,
			StepUp:             decided.StepUp,
		},
	}
	for _, v := range decided.Violations {
		d.Context.Violations = append(d.Context.Violations, violation(v))
	}
	for _, stage := range trace {
		said := traceStage{Stage: stage.Stage, Name: stage.Name, Outcome: stage.Text()}
		for _, entry := range stage.Entries {
			e := traceEntry{Code: entry.Code, Field: entry.Field, Said: entry.Text()}
			if entry.Object != (engine.Ref{}) {
				e.Object = entry.Object.String()
			}
			said.Entries = append(said.Entries, e)
		}
		d.Context.Trace = append(d.Context.Trace, said)
	}
	return d
}

// DecisionSize is about how many bytes a decision takes.
const DecisionSize = 192

// AppendDecision appends what Encode makes of NewDecision. Only decisions without a trace are written fast.
func AppendDecision(to []byte, d *engine.Decision, trace []engine.TraceStage, revision string) ([]byte, error) {
	if len(trace) > 0 {
		text, err := Encode(NewDecision(d, trace, revision))
		return append(to, text...), err
	}
	to = append(to, `{"decision":`...)
	to = strconv.AppendBool(to, d.Allow)
	to = append(to, `,"context":{`...)
	to = appendText(to, "reason", string(d.Reason))
	to = appendMessage(to, d)
	to = appendText(to, "revision", revision)
	to = appendTexts(to, "fields", d.Fields)
	to = appendTexts(to, "except_fields", d.ExceptFields)
	var err error
	if len(d.Presets) > 0 {
		if to, err = appendValue(appendName(to, "presets"), d.Presets); err != nil {
			return nil, fmt.Errorf("presets: %w", err)
		}
	}
	to = appendTexts(to, "missing_properties", d.MissingProperties)
	to = appendTexts(to, "missing_context", d.MissingContext)
	to = appendTexts(to, "missing_request", d.MissingRequest)
	if len(d.Violations) > 0 {
		if to, err = appendViolations(appendName(to, "violations"), d.Violations); err != nil {
			return nil, fmt.Errorf("violations: %w", err)
		}
	}
	to = appendTexts(to, "validation_messages", d.ValidationMessages)
	to = appendTexts(to, "step_up", d.StepUp)
	return append(to, "}}"...), nil
}

// AppendBare appends a decision without its context, of which only the trace is left where there is one.
func AppendBare(to []byte, d *engine.Decision, trace []engine.TraceStage) ([]byte, error) {
	to = strconv.AppendBool(append(to, `{"decision":`...), d.Allow)
	if len(trace) == 0 {
		return append(to, '}'), nil
	}
	text, err := Encode(NewDecision(d, trace, "").Context.Trace)
	return append(append(append(to, `,"context":{"trace":`...), text...), "}}"...), err
}

// AppendError appends the deny of an evaluation of a batch that could not be made.
func AppendError(to []byte, status int, message string) []byte {
	to = append(to, `{"decision":false,"context":{"error":{"status":`...)
	to = strconv.AppendInt(to, int64(status), 10)
	to = appendString(appendName(to, "message"), message)
	return append(to, "}}}"...)
}

// appendMessage is appendText of the decision's message, which it does not make first.
func appendMessage(to []byte, d *engine.Decision) []byte {
	quote := appendName(to, "message")
	text := d.AppendMessage(append(quote, '"'))
	if len(text) == len(quote)+1 {
		return to
	}
	return endString(text, len(quote))
}

func appendViolations(to []byte, list []engine.Violation) (_ []byte, err error) {
	to = append(to, '[')
	for i, v := range list {
		if i > 0 {
			to = append(to, ',')
		}
		to = appendString(append(to, `{"field":`...), v.Field)
		if v.Value != nil {
			if to, err = appendValue(appendName(to, "value"), v.Value); err != nil {
				return nil, err
			}
		}
		to = appendString(appendName(to, "allow"), v.Allow)
		to = append(appendString(appendName(to, "cause"), string(v.Cause)), '}')
	}
	return append(to, ']'), nil
}
