-- GET of a page of another origin that shows a token and takes gzip.
wrk.headers["authorization"] = "Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhZGEiLCJhdWQiOiJiZW5jaG1hcmsiLCJleHAiOjQxMDI0NDQ4MDB9.6IQ5NrLiZZCeuGhv4inZuisULm_uRigiE6lTjPi-f78"
wrk.headers["origin"] = "https://app.example.com"
wrk.headers["accept-encoding"] = "gzip"
