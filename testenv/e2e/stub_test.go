//go:build linux

package e2e

import "testing"

func (s *stage) commands(t *testing.T)  {}
func (s *stage) status(t *testing.T)    {}
func (s *stage) refusal(t *testing.T)   {}
func (s *stage) ownership(t *testing.T) {}
