package desired

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tapline-sdn/tapline/api/document"
	"github.com/tapline-sdn/tapline/api/tapctl/advice"
	"github.com/tapline-sdn/tapline/api/tapctl/kind"
)

// Read reads the resources that files describe. A path is a file, a directory, of which the .yaml,
// .yml and .json files are read, or "-" for standard input. All mistakes in all files are reported
// together.
func Read(paths []string, stdin io.Reader) ([]*Resource, error) {
	var all []*Resource
	var errs document.Errors

	for _, path := range paths {
		files, err := expand(path)
		if err != nil {
			return nil, fileError(err)
		}

		for _, file := range files {
			name, data, err := readFile(file, stdin)
			if err != nil {
				return nil, fileError(err)
			}
			found, wrong := parse(name, data)
			all, errs = append(all, found...), append(errs, wrong...)
		}
	}

	errs = append(errs, duplicates(all)...)
	if len(errs) > 0 {
		return nil, mistakes(errs)
	}

	if len(all) == 0 {
		return nil, advice.New(
			"nothing was changed; the output of export shows what documents look like",
			"%s: there are no documents", strings.Join(paths, ", "))
	}

	return all, nil
}

func fileError(err error) error {
	return &advice.Error{
		Err:  err,
		Next: "name a file, a directory, or - for standard input with -f",
	}
}

// mistakes makes one error of all that is wrong with files.
func mistakes(errs document.Errors) error {
	out := &advice.Errors{Next: "correct the documents; nothing was changed"}
	for _, e := range errs {
		out.Errs = append(out.Errs, e)
	}
	return out
}

func readFile(path string, stdin io.Reader) (name string, data []byte, err error) {
	if path == "-" {
		data, err = io.ReadAll(stdin)
		return "<stdin>", data, err
	}
	data, err = os.ReadFile(path)
	return path, data, err
}

// expand returns the files that a path stands for.
func expand(path string) ([]string, error) {
	if path == "-" {
		return []string{path}, nil
	}

	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}

	if !info.IsDir() {
		return []string{path}, nil
	}

	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}

	var files []string
	for _, e := range entries {
		extension := filepath.Ext(e.Name())
		if !e.IsDir() && slices.Contains([]string{".yaml", ".yml", ".json"}, extension) {
			files = append(files, filepath.Join(path, e.Name()))
		}
	}

	if len(files) == 0 {
		return nil, fmt.Errorf("%s has no file that ends in .yaml, .yml or .json", path)
	}

	return files, nil
}

// parse reads the resources of one file.
func parse(name string, data []byte) ([]*Resource, document.Errors) {
	docs, errs := document.ReadAll(name, data)

	var all []*Resource
	for _, doc := range docs {
		value, err := decode(doc.Root.JSON())
		if err != nil {
			errs = append(errs, doc.Error("", "%v", err))
			continue
		}
		found, wrong := parseValue(doc, "", value, "")
		all, errs = append(all, found...), append(errs, wrong...)
	}

	return all, errs
}

// decode reads a JSON value. Numbers stay as they are written.
func decode(data []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()

	var value any
	err := decoder.Decode(&value)
	return value, err
}

// parseValue reads the resources at a path of a document: one resource, a list of them, an object
// with items, or an object with a list for each kind, as the API answers. In such a list, kind is
// known.
func parseValue(
	doc *document.Document, path string, value any, kind string,
) (all []*Resource, errs document.Errors) {
	if list, ok := value.([]any); ok {
		for i, item := range list {
			found, wrong := parseValue(doc, fmt.Sprintf("%s[%d]", path, i), item, kind)
			all, errs = append(all, found...), append(errs, wrong...)
		}
		return all, errs
	}

	object, ok := value.(map[string]any)
	if !ok {
		return nil, document.Errors{doc.Error(path,
			"this is no resource: want a mapping with kind and name, or a list of them")}
	}

	named, hasKind := object["kind"]
	items, hasItems := object["items"]
	switch {
	case hasItems && (!hasKind || strings.EqualFold(fmt.Sprint(named), "list")):
		return parseValue(doc, join(path, "items"), items, "")
	case !hasKind && kind == "" && hasLists(object):
		return parseLists(doc, path, object)
	}

	r, errs := newResource(doc, path, object, kind)
	if len(errs) > 0 {
		return nil, errs
	}

	if r.Kind == guest && object["declared"] == false {
		// The API shows a guest that was only detected: there is nothing to declare.
		return nil, nil
	}

	return []*Resource{r}, nil
}

// hasLists reports whether an object has a list of resources of some kind.
func hasLists(object map[string]any) bool {
	return slices.ContainsFunc(Kinds[:], func(kind string) bool {
		_, ok := object[shapes[kind].list]
		return ok
	})
}

// parseLists reads an object with a list of resources for each of some kinds.
func parseLists(
	doc *document.Document, path string, object map[string]any,
) (all []*Resource, errs document.Errors) {
	known := []string{"total"}
	for _, kind := range Kinds {
		list := shapes[kind].list
		known = append(known, list)
		if items, ok := object[list]; ok {
			found, wrong := parseValue(doc, join(path, list), items, kind)
			all, errs = append(all, found...), append(errs, wrong...)
		}
	}

	for _, name := range slices.Sorted(maps.Keys(object)) {
		if !slices.Contains(known, name) {
			errs = append(errs, doc.Error(join(path, name),
				"is no list of resources: want hosts, guests, tap_services or tap_flows"))
		}
	}

	return all, errs
}

// duplicates finds resources that are described more than once.
func duplicates(all []*Resource) document.Errors {
	var errs document.Errors
	seen := map[string]*Resource{}
	for _, r := range all {
		key := r.Kind + " " + r.Name
		first := seen[key]
		if first == nil {
			seen[key] = r
			continue
		}

		at := first.fault("", "")
		errs = append(errs, r.fault("", "%s %q is described twice, first at %s:%d:%d",
			kind.Noun(r.Kind), r.Name, at.File, at.Line, at.Column))
	}

	return errs
}
