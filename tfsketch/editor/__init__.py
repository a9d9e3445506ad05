"""Pictures of any size, by models of one size: editing, drawing, completing, restyling."""
