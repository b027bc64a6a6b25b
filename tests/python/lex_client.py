"""AWS's own Python client against a server of Amazon Lex V2's runtime: steps as JSON from standard input, what came of each as a
line of JSON to standard output."""

import json
import sys

import botocore.config
import botocore.exceptions
import botocore.session


def recognize(setting, step):
    client = botocore.session.Session().create_client(
        "lexv2-runtime",
        region_name=setting["region"],
        endpoint_url=setting["endpoint"],
        aws_access_key_id=setting["key"],
        aws_secret_access_key=step["secret"],
        aws_session_token=step["token"],
        # What is out of bounds is the server's to refuse.
        config=botocore.config.Config(retries={"max_attempts": 0}, parameter_validation=False),
    )
    try:
        answer = client.recognize_text(
            botId=setting["bot"],
            botAliasId=setting["alias"],
            localeId=step["locale"],
            sessionId=step["session"],
            text=step["text"],
            requestAttributes=step["attributes"],
        )
    except botocore.exceptions.ClientError as error:
        return {"error": error.response["Error"]["Code"]}
    answer.pop("ResponseMetadata")
    return answer


setting = json.load(sys.stdin)
for step in setting["steps"]:
    print(json.dumps(recognize(setting, step)))
