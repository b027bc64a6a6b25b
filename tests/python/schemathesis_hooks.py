"""What schemathesis has to be told of this API: a text in TOML is sent as a text, a zip as its bytes."""

import schemathesis

schemathesis.serializer.alias("application/toml", "text/plain")
schemathesis.serializer.alias("application/zip", "application/octet-stream")
