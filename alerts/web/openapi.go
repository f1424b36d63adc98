package web

import (
	"cmp"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"ccgwatch/store"
)

// Description is the OpenAPI 3.1 description of the interface at an address. It
// is made from the table of endpoints and from the types that are answered, so
// that it cannot say anything else than what is answered.
func Description(base, group string, threads bool) map[string]any {
	d := describer{schemas: map[string]any{}}
	paths := map[string]any{}
	for _, e := range endpoints() {
		if e.absent != nil && !threads {
			continue
		}
		paths[apiRoot+e.Path] = map[string]any{"get": d.operation(e)}
	}
	problem := d.schema(reflect.TypeFor[Problem]())
	return map[string]any{
		"openapi": "3.1.0",
		"info": map[string]any{
			"title": cmp.Or(group, "CCGWatch") + ": the record as data", "version": "1",
			"summary":     "What NHS bodies and councils contract out, decide and discuss.",
			"description": "Everything is read only and needs no key. Lists are read by following next. What is published here was read from public sources by a program and can be wrong. " + base + "/data explains it in plain words.",
			"license":     map[string]any{"name": "Open Government Licence v3.0, for what the tender services publish; whatever else is quoted stays its publisher's", "url": licence},
		},
		"servers": []any{map[string]any{"url": base}},
		"paths":   paths,
		"components": map[string]any{
			"schemas": d.schemas,
			"responses": map[string]any{"Problem": map[string]any{
				"description": "It did not work; the status says why. After 429 and 503 the head Retry-After says when to come again.",
				"content":     map[string]any{"application/problem+json": map[string]any{"schema": problem}},
			}},
		},
	}
}

// describer turns types into schemas, named types once each.
type describer struct{ schemas map[string]any }

func (d describer) operation(e endpoint) map[string]any {
	content := map[string]any{}
	if e.Lines != nil {
		content["application/jsonl"] = map[string]any{"schema": map[string]any{"type": "string", "description": "One object a line, each as " + reflect.TypeOf(e.Lines).Name() + "."}}
		d.schema(reflect.TypeOf(e.Lines))
	}
	content[cmp.Or(e.Media, "application/json")] = map[string]any{"schema": d.schema(reflect.TypeOf(e.Answer))}
	params := []any{}
	for _, p := range e.Params {
		schema := map[string]any{"type": "string"}
		if p.Whole {
			schema = map[string]any{"type": "integer", "minimum": 0}
		}
		if len(p.Enum) > 0 {
			schema["enum"] = p.Enum
		}
		in := "query"
		if p.Path {
			in = "path"
		}
		params = append(params, map[string]any{"name": p.Name, "in": in, "description": p.About, "required": p.Must, "schema": schema})
	}
	return map[string]any{
		"operationId": operationID(e.Path), "summary": e.Title, "description": e.About, "parameters": params,
		"responses": map[string]any{
			strconv.Itoa(http.StatusOK): map[string]any{"description": e.Title, "content": content},
			strconv.Itoa(http.StatusNotModified): map[string]any{
				"description": "Nothing has changed since the answer whose ETag was sent along.",
			},
			"default": map[string]any{"$ref": "#/components/responses/Problem"},
		},
	}
}

func operationID(path string) string {
	words := strings.FieldsFunc(path, func(r rune) bool { return strings.ContainsRune("/{}.", r) })
	if len(words) == 0 {
		return "index"
	}
	return strings.Join(words, "_")
}

// schema is the schema of a type; that of a struct is a reference.
func (d describer) schema(t reflect.Type) map[string]any {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return map[string]any{"type": "string", "format": "date-time"}
	case t == reflect.TypeFor[OCDSNumber]():
		return map[string]any{"type": "number"}
	case t == reflect.TypeFor[store.Kind]():
		return map[string]any{"type": "string", "enum": kindNames()}
	case t == reflect.TypeFor[store.Topic]():
		return map[string]any{"type": "string", "enum": topicNames()}
	case t == reflect.TypeFor[store.Tier]():
		return map[string]any{"type": "string", "enum": []string{string(store.TierCertain), string(store.TierLikely), string(store.TierMention)}}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return d.schema(t.Elem())
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Int, reflect.Int64, reflect.Uint64, reflect.Uint32, reflect.Uint8:
		return map[string]any{"type": "integer"}
	case reflect.Float64:
		return map[string]any{"type": "number"}
	case reflect.Slice:
		return map[string]any{"type": "array", "items": d.schema(t.Elem())}
	case reflect.Map:
		if t.Elem().Kind() == reflect.Interface {
			return map[string]any{"type": "object"}
		}
		return map[string]any{"type": "object", "additionalProperties": d.schema(t.Elem())}
	case reflect.Struct:
		name := schemaName(t)
		if _, done := d.schemas[name]; !done {
			d.schemas[name] = true // a type may hold itself
			d.schemas[name] = d.object(t)
		}
		return map[string]any{"$ref": "#/components/schemas/" + name}
	}
	return map[string]any{"type": "string"}
}

// schemaName is a name for a struct; a list of lines is named after the lines.
func schemaName(t reflect.Type) string {
	name := t.Name()
	if outer, inner, ok := strings.Cut(name, "["); ok {
		inner = strings.TrimSuffix(inner, "]")
		return outer + "Of" + inner[strings.LastIndexAny(inner, "./")+1:]
	}
	if pkg := t.PkgPath(); strings.HasSuffix(pkg, "/judge") {
		return "Thread" + strings.TrimPrefix(name, "Thread")
	}
	return name
}

func (d describer) object(t reflect.Type) map[string]any {
	props := map[string]any{}
	required := []string{}
	d.properties(t, props, &required)
	return map[string]any{"type": "object", "properties": props, "required": required, "additionalProperties": false}
}

// properties are the fields as encoding/json shows them, with those of embedded
// structs.
func (d describer) properties(t reflect.Type, props map[string]any, required *[]string) {
	for i := range t.NumField() {
		f := t.Field(i)
		tag, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case tag == "-" || !f.IsExported() && !f.Anonymous:
			continue
		case f.Anonymous && tag == "":
			d.properties(f.Type, props, required)
			continue
		}
		schema := d.schema(f.Type)
		if enum := f.Tag.Get("enum"); enum != "" {
			schema["enum"] = strings.Split(enum, ",")
		}
		optional := strings.Contains(options, "omit")
		// Without omitempty what is not there is null.
		if k := f.Type.Kind(); !optional && (k == reflect.Pointer || k == reflect.Slice && f.Tag.Get("doc") == "") {
			schema = map[string]any{"anyOf": []any{schema, map[string]any{"type": "null"}}}
		}
		if doc := f.Tag.Get("doc"); doc != "" {
			schema["description"] = doc
		}
		name := cmp.Or(tag, f.Name)
		props[name] = schema
		if !optional {
			*required = append(*required, name)
		}
	}
}
