"""What every layer may use: errors, exit codes, deadlines, outcomes, events. No input or output."""
