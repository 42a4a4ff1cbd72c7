"""What lines to paging encoders share: plain text, one exchange at a time, and the line that runs it."""
