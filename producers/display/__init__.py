"""What a person sees of a job: tables, the live view, the next step."""
