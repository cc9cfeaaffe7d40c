package kind

import (
	"strconv"
	"strings"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/tapctl/format"
)

// Tokens are the tokens of the API.
func Tokens() Kind[api.Token, api.TokenList] {
	type row = api.Token

	return Kind[row, api.TokenList]{
		Word: "token", Noun: "token",
		Columns: []format.Column[row]{
			{Title: "NAME", Value: func(v row) string { return v.Name }, Flex: true},
			{Title: "ROLE", Value: func(v row) string { return v.Role }},
			{Title: "EXPIRES", Value: func(v row) string {
				if v.Expired {
					return "expired"
				}
				return format.First(format.TimeText(v.ExpiresAt), "never")
			}},
			{Title: "LAST-USED", Value: func(v row) string {
				return format.First(format.TimeText(v.LastUsedAt), "never")
			}},
			{Title: "CREATED", Value: func(v row) string {
				return format.TimeText(v.CreatedAt)
			}, Wide: true},
			{Title: "CREATED-BY", Value: func(v row) string { return v.CreatedBy }, Wide: true},
			{Title: "ID", Value: func(v row) string { return v.ID }, Drop: true},
		},
		Items: func(l api.TokenList) []row { return l.Tokens },
		ID:    func(v row) string { return v.ID },
		Name:  func(v row) string { return v.Name },
	}
}

// CreatedTokens are tokens as their creation answers, with their secret.
func CreatedTokens() Kind[api.TokenCreated, api.TokenList] {
	return Kind[api.TokenCreated, api.TokenList]{
		Word: "token", Noun: "token",
		Columns: []format.Column[api.TokenCreated]{
			{Title: "NAME", Value: func(v api.TokenCreated) string { return v.Name }},
			{Title: "ROLE", Value: func(v api.TokenCreated) string { return v.Role }},
			{Title: "EXPIRES", Value: func(v api.TokenCreated) string {
				return format.First(format.TimeText(v.ExpiresAt), "never")
			}},
			{Title: "TOKEN", Value: func(v api.TokenCreated) string { return v.Secret }},
		},
		ID:   func(v api.TokenCreated) string { return v.ID },
		Name: func(v api.TokenCreated) string { return v.Name },
	}
}

// AuditRecords are the records of the audit trail.
func AuditRecords() Kind[api.AuditRecord, api.AuditList] {
	type row = api.AuditRecord

	return Kind[row, api.AuditList]{
		Word: "audit", Noun: "audit record",
		Columns: auditColumns(),
		Items:   func(l api.AuditList) []row { return l.Audit },
		ID:      func(v row) string { return v.RequestID },
		Name:    func(v row) string { return v.RequestID },
	}
}

func auditColumns() []format.Column[api.AuditRecord] {
	type row = api.AuditRecord

	return []format.Column[row]{
		{Title: "TIME", Value: func(v row) string { return format.TimeText(v.Time) }},
		{Title: "ACTOR", Value: func(v row) string {
			return format.First(v.Actor.Name, v.Actor.Type)
		}, Flex: true},
		{Title: "FROM", Value: func(v row) string { return v.Remote }, Drop: true},
		{Title: "ACTION", Value: func(v row) string {
			return format.First(v.Action, strings.ToLower(v.Method))
		}},
		{Title: "KIND", Value: func(v row) string { return v.Kind }},
		{Title: "NAME", Value: func(v row) string {
			return format.First(v.Name, v.ID)
		}, Flex: true},
		{Title: "OUTCOME", Value: func(v row) string { return v.Outcome }},
		{Title: "PROBLEM", Value: func(v row) string { return v.Problem }, Flex: true},

		{Title: "STATUS", Value: func(v row) string {
			return strconv.Itoa(v.Status)
		}, Wide: true},
		{Title: "COUNT", Value: func(v row) string {
			return strconv.Itoa(v.Count)
		}, Wide: true},
		{Title: "ROLE", Value: func(v row) string { return v.Actor.Role }, Wide: true},
		{Title: "PATH", Value: func(v row) string { return v.Path }, Wide: true},
		{Title: "USER-AGENT", Value: func(v row) string { return v.UserAgent }, Wide: true},
		{Title: "ID", Value: func(v row) string { return v.ID }, Wide: true},
		{Title: "REQUEST", Value: func(v row) string { return v.RequestID }, Wide: true},
	}
}
