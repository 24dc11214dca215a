"""The portal: web pages for everybody. Owns people's sessions on the pages only; asks the other services over HTTP.

A request goes pages -> visitors, neighbours -> reply; `site.py` adds what every answer carries, `app.py` puts it together.
"""
