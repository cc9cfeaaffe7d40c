package plugin

import (
	pb "github.com/tapline-sdn/tapline/plugin/mirrorpb"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// This file converts what Describe, Configure and Check ask and answer.

func descriptionToPB(d Description) *pb.Description {
	return &pb.Description{Name: d.Name, Version: d.Version, ConfigSchema: d.ConfigSchema}
}

func descriptionFromPB(m *pb.Description) Description {
	return Description{
		Name: m.GetName(), Version: m.GetVersion(), ConfigSchema: m.GetConfigSchema(),
	}
}

func configErrorToPB(e *ConfigError) *pb.ConfigureResponse {
	m := &pb.ConfigureResponse{}
	for _, f := range e.Fields {
		m.Errors = append(m.Errors, &pb.FieldError{Field: f.Field, Message: f.Message})
	}
	return m
}

// configErrorFromPB returns nil for a configuration that was accepted.
func configErrorFromPB(m *pb.ConfigureResponse) error {
	if len(m.GetErrors()) == 0 {
		return nil
	}

	e := &ConfigError{}
	for _, f := range m.GetErrors() {
		e.Fields = append(e.Fields, FieldError{Field: f.GetField(), Message: f.GetMessage()})
	}
	return e
}

func rejectionToPB(r *tap.Rejection) *pb.Rejection {
	return &pb.Rejection{
		Conflict: r.Conflict, Field: r.Field, Message: r.Message,
		Offset: uint32(r.Offset), Length: uint32(r.Length), Hint: r.Hint,
	}
}

func rejectionFromPB(m *pb.Rejection) *tap.Rejection {
	return &tap.Rejection{
		Conflict: m.GetConflict(), Field: m.GetField(), Message: m.GetMessage(),
		Offset: int(m.GetOffset()), Length: int(m.GetLength()), Hint: m.GetHint(),
	}
}

func checkRequestToPB(revision uint64, r tap.Resource) *pb.CheckRequest {
	m := &pb.CheckRequest{Revision: revision}
	switch {
	case r.Service != nil:
		m.Resource = &pb.CheckRequest_Service{Service: serviceToPB(r.Service)}
	case r.Flow != nil:
		m.Resource = &pb.CheckRequest_Flow{Flow: flowToPB(r.Flow)}
	}
	return m
}

func checkResponseToPB(r tap.Resource) *pb.CheckResponse {
	m := &pb.CheckResponse{}
	if r.Service != nil {
		m.Resource = &pb.CheckResponse_Service{Service: serviceToPB(r.Service)}
	} else {
		m.Resource = &pb.CheckResponse_Flow{Flow: flowToPB(r.Flow)}
	}
	return m
}

// resourceFromPB converts the resource of a check's request or response. A message without one is
// the zero Resource.
func resourceFromPB(m interface {
	GetService() *pb.Service
	GetFlow() *pb.Flow
}) (tap.Resource, error) {
	switch {
	case m.GetService() != nil:
		s, err := serviceFromPB(m.GetService())
		if err != nil {
			return tap.Resource{}, err
		}
		return tap.Resource{Service: &s}, nil

	case m.GetFlow() != nil:
		f, err := flowFromPB(m.GetFlow())
		if err != nil {
			return tap.Resource{}, err
		}
		return tap.Resource{Flow: &f}, nil
	}
	return tap.Resource{}, nil
}
