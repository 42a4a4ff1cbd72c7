"""The whole box, from a byte on a wire to a person's answer, written like a specification."""
