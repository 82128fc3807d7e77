"""The project's settings; what is about databases comes from `./prepare`."""

from pathlib import Path

from shop.fleet_settings import *  # noqa: F403  (DATABASES, CACHES, DATABASE_ROUTERS, USE_TZ, DBFLEET)

BASE = Path(__file__).parents[1]
SECRET_KEY = "an example"  # noqa: S105
INSTALLED_APPS = ["shop", *sorted(f"fleet.{app.parent.name}" for app in BASE.glob("fleet/*/apps.py"))]
DATABASE_ROUTERS = ["shop.routers.ReadsNearby"]
READ_PRODUCTS_FROM = {"postgres": "sqlite"}
"""Products of the first are read from the copy of them in the second."""
