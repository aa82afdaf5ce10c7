"""What the API and the pages share: requests, responses, authorization."""
