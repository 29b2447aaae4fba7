"""Decides what answers mean, what to do next, when to send and how counts add up: values in, values out."""
