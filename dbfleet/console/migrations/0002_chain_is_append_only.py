"""Nobody changes or removes an entry of the chain, not even the owner's account while the trigger stands."""

from __future__ import annotations

from django.db import migrations

_MADE = """
CREATE FUNCTION console_entry_stands() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'an entry of the chain is never changed or removed' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER console_entry_stands BEFORE UPDATE OR DELETE OR TRUNCATE ON console_entry
    FOR EACH STATEMENT EXECUTE FUNCTION console_entry_stands();
"""
_GONE = "DROP TRIGGER console_entry_stands ON console_entry; DROP FUNCTION console_entry_stands();"


class Migration(migrations.Migration):
    """Adds the trigger."""

    dependencies = (("console", "0001_initial"),)
    operations = (migrations.RunSQL(_MADE, _GONE),)
