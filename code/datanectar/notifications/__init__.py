"""Webhooks: what they are told, kept until it is delivered, and how it is sent."""
