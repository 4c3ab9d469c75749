package server

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/remit-authz/remit/internal/filter"
	"github.com/remit-authz/remit/internal/server/wire"
)

// operation is what the OpenAPI document says of a route besides its path, its method and its name.
type operation struct {
	summary string
	// request is the schema of the body; nil: none.
	request schema
	query   []parameter
	// answers have the Go types of the body of a good answer, which is one of them.
	answers []any
	// refusals are the statuses of errors besides those that every route has.
	refusals []int
}

// parameter is one of the query.
type parameter struct {
	name, about string
	schema      schema
}

// schema is a piece of the document, in the form of its JSON.
type schema map[string]any

var (
	contextParameter  = parameter{"context", "none leaves the context out of answers, but for the trace that explain asks for.", schema{"type": "string", "enum": []string{"none"}}}
	explainParameter  = parameter{"explain", "Adds the trace: the stages in order, and what each found in which object.", schema{"type": "boolean"}}
	revisionParameter = parameter{atLeastRevision, "The answer comes from a state that covers this revision, of an earlier answer.", schema{"type": "string"}}
	resourceParameter = parameter{"resource", "Narrows the answer to one resource type.", schema{"type": "string"}}
)

// The entities of AuthZEN, and the other parts of requests.
var (
	text       = schema{"type": "string"}
	properties = schema{"type": "object", "additionalProperties": true, "nullable": true}

	subjectEntity = record([]string{"type"}, schema{
		"type": text, "id": about(text, "Required, but for the type anonymous."), "properties": properties,
	})
	actionEntity = record([]string{"name"}, schema{
		"name": text,
		"properties": record(nil, schema{
			"values": about(properties, "What a create or update submits, by field."),
			"fields": schema{"type": "array", "items": text, "description": "What a read asks for."},
		}),
	})
	resourceEntity = record([]string{"type", "id"}, schema{"type": text, "id": text, "properties": properties})
	resourceType   = record([]string{"type"}, schema{"type": text, "id": text, "properties": properties})
	subjectType    = record([]string{"type"}, schema{"type": text, "id": text, "properties": properties})

	options = record(nil, schema{
		atLeastRevision: about(text, revisionParameter.about),
		"explain":       about(schema{"type": "boolean"}, explainParameter.about),
		"context":       about(schema{"type": "string", "enum": []string{"none"}}, contextParameter.about),
		"relations": schema{
			"type": "object", "additionalProperties": record([]string{"table"}, schema{
				"table":  text,
				"key":    about(text, "The column of that table that is compared; id, but for a list."),
				"column": about(text, "The column of the record's own table: the property's name or, for a list, id."),
				"many":   about(schema{"type": "boolean"}, "The property is a list of those records."),
			}),
			"description": "Of a filter in SQL: the tables that properties lead to, by their paths.",
		},
		"evaluations_semantic": schema{
			"type": "string", "enum": []string{executeAll, denyOnFirstDeny, permitOnFirstPermit}, "description": "Of a batch.",
		},
	})
	pageRequest = record(nil, schema{
		"token": about(text, "next_token of the page before, with the same query."),
		"limit": schema{"type": "integer", "minimum": 0, "description": "How many results a page has at most, up to " + strconv.Itoa(maxPage) + "."},
	})
)

// The bodies of requests.
var (
	evaluationBody = record([]string{"subject", "action", "resource"}, schema{
		"subject": subjectEntity, "action": actionEntity, "resource": resourceEntity, "context": properties, "options": options,
	})
	evaluationsBody = record(nil, schema{
		"subject": subjectEntity, "action": actionEntity, "resource": resourceEntity, "context": properties, "options": options,
		"evaluations": schema{
			"type": "array", "maxItems": wire.MaxEvaluations,
			"description": "Each has the entities in which it differs from the batch's. None: the batch is one evaluation.",
			"items": record(nil, schema{
				"subject": subjectEntity, "action": actionEntity, "resource": resourceEntity, "context": properties,
			}),
		},
	})
	searchSubjectBody  = searchBody(subjectType, actionEntity, resourceEntity)
	searchResourceBody = searchBody(subjectEntity, actionEntity, resourceType)
	searchActionBody   = searchBody(subjectEntity, nil, resourceEntity)
	filterBody         = record([]string{"subject", "action", "resource", "format"}, schema{
		"subject": subjectEntity, "action": actionEntity, "resource": resourceType, "context": properties, "options": options,
		"format": schema{"type": "string", "enum": filter.Formats},
	})
	reviewBody = about(record([]string{"apiVersion", "kind", "spec"}, schema{
		"apiVersion": text, "kind": text, "spec": properties,
	}), "A SubjectAccessReview of authorization.k8s.io/v1.")
)

// reviewAnswer is as much of a SubjectAccessReview as the document tells of an answer.
type reviewAnswer struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Status     struct {
		Allowed bool   `json:"allowed"`
		Denied  bool   `json:"denied,omitempty"`
		Reason  string `json:"reason,omitempty"`
	} `json:"status"`
}

func searchBody(subject, action, resource schema) schema {
	parts, required := schema{"subject": subject, "resource": resource, "context": properties, "page": pageRequest, "options": options}, []string{"subject", "resource"}
	if action != nil {
		parts["action"] = action
		required = append(required, "action")
	}
	return record(required, parts)
}

// record is the schema of an object that may have more than is known of it.
func record(required []string, members schema) schema {
	s := schema{"type": "object", "properties": members}
	if len(required) > 0 {
		s["required"] = required
	}
	return s
}

// about is a schema with a description.
func about(s schema, description string) schema {
	s = maps.Clone(s)
	s["description"] = description
	return s
}

// refusals are the errors that every route has, in the words of the document.
var refusals = map[int]string{
	http.StatusBadRequest:            "The request is malformed; the message names the field.",
	http.StatusUnauthorized:          "The caller is not known.",
	http.StatusForbidden:             "The caller may not ask this domain.",
	http.StatusNotFound:              "There is no such domain, or nothing at this path.",
	http.StatusRequestEntityTooLarge: "The body is larger than 1 MiB.",
	http.StatusUnprocessableEntity:   "The format cannot say exactly which records are allowed; the message names the rule.",
	http.StatusTooManyRequests:       "The replica is busy. Retry-After says when to ask again.",
	http.StatusInternalServerError:   "A defect of the server. It is never an allow.",
	http.StatusServiceUnavailable:    "The replica cannot answer yet. Retry-After says when to ask again.",
}

// openAPI makes the document from the routes and from the Go types of their answers.
func (s *Server) openAPI() schema {
	types := newTypeSchemas()
	failure := types.of(errorAnswer{})
	responses := schema{}
	for status, description := range refusals {
		responses[strconv.Itoa(status)] = schema{"description": description, "content": inJSON(failure)}
	}
	paths := schema{}
	for _, rt := range routes() {
		if rt.doc == nil {
			continue
		}
		for _, path := range rt.paths(s.bases()) {
			paths[path] = schema{strings.ToLower(rt.method): rt.describe(path, types)}
		}
	}
	document := schema{
		"openapi": "3.0.3",
		"info": schema{
			"title": "Remit decision server", "version": "1",
			"description": "Answers what permission domains allow. A deny is an answer, with status 200; an error is none.",
		},
		"paths": paths,
		"components": schema{
			"schemas": types.named, "responses": responses,
			"securitySchemes": schema{"token": schema{"type": "http", "scheme": "bearer", "description": "A token that the Kubernetes API server accepts."}},
		},
	}
	if s.callers != nil {
		document["security"] = []schema{{"token": []string{}}}
	}
	return document
}

// describe is the part of the document about one path of the route.
func (rt *route) describe(path string, types *typeSchemas) schema {
	id := rt.name
	if rt.ofDomain() && !strings.Contains(path, "{domain}") {
		id += "_of_default_domain"
	}
	if !rt.ofDomain() && rt.name == "subject_access_review" {
		id += "_by_namespace"
	}
	if strings.HasSuffix(path, "}"+metadataPath) {
		id += "_below_domain"
	}
	var parameters []schema
	for _, name := range []string{"domain", "user"} {
		if strings.Contains(path, "{"+name+"}") {
			parameters = append(parameters, schema{"name": name, "in": "path", "required": true, "schema": text})
		}
	}
	for _, p := range rt.doc.query {
		parameters = append(parameters, schema{"name": p.name, "in": "query", "description": p.about, "schema": p.schema})
	}
	parameters = append(parameters, schema{"name": requestIDHeader, "in": "header", "description": "Is echoed.", "schema": text})

	var bodies []any
	for _, answer := range rt.doc.answers {
		bodies = append(bodies, types.of(answer))
	}
	body := bodies[0]
	if len(bodies) > 1 {
		body = schema{"oneOf": bodies}
	}
	good := schema{"description": "The answer.", "content": inJSON(body)}
	if rt.ofDomain() {
		good["headers"] = schema{revisionHeader: schema{"description": "The revision of the state that the answer comes from.", "schema": text}}
	}
	responses := schema{"200": good}
	for status := range refusals {
		if rt.refuses(status) {
			responses[strconv.Itoa(status)] = schema{"$ref": "#/components/responses/" + strconv.Itoa(status)}
		}
	}
	o := schema{"operationId": id, "summary": rt.doc.summary, "parameters": parameters, "responses": responses}
	if rt.doc.request != nil {
		o["requestBody"] = schema{"required": true, "content": inJSON(rt.doc.request)}
	}
	return o
}

// refuses says whether a status may be that of an answer.
func (rt *route) refuses(status int) bool {
	switch status {
	case http.StatusUnprocessableEntity:
		return slices.Contains(rt.doc.refusals, status)
	case http.StatusRequestEntityTooLarge:
		return rt.doc.request != nil
	case http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound:
		return rt.name != "openapi"
	}
	return true
}

func inJSON(body any) schema { return schema{"application/json": schema{"schema": body}} }
