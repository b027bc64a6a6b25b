import os

from usher_connector import Action, Connector, Reply, Turn

connector = Connector(os.environ["USHER_URL"], os.environ["USHER_CONNECTOR_TOKEN"])


@connector.on_turn
async def hand_over(turn: Turn) -> Reply:
    if "person" in (turn.text or ""):
        return Reply("I find somebody for you.", action=Action("to_person", {"topic": "order"}))
    return Reply("Say “person” to talk to somebody.", not_understood=turn.text is not None)


connector.run()
