package desired

// Deletions returns the changes that delete what documents describe, by kind and name. What does
// not exist is unchanged. They are in the order of [Compare].
func Deletions(current *Current, want []*Resource) []*Change {
	var changes []*Change
	for _, r := range want {
		change := &Change{
			Kind: r.Kind, Name: r.Name, Action: Unchanged, Fields: []FieldChange{},
			want: r, have: current.find(r.Kind, r.Name),
		}
		if change.have != nil && change.have.deleting == "" {
			change.Action = Delete
		}
		changes = append(changes, change)
	}

	sortChanges(changes)
	return changes
}

// Done returns the changes that the first steps have made completely, and those that they have made
// in part.
func Done(changes []*Change, steps []Step, made int) (complete, partial []*Change) {
	total, done := map[*Change]int{}, map[*Change]int{}
	for i, step := range steps {
		total[step.change]++
		if i < made {
			done[step.change]++
		}
	}

	for _, c := range changes {
		switch {
		case total[c] == 0: // unchanged
		case done[c] == total[c]:
			complete = append(complete, c)
		case done[c] > 0:
			partial = append(partial, c)
		}
	}

	return complete, partial
}
