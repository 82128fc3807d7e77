"""What the web's account puts on record as work is somebody's wish and nothing else: a job waits, says which person asked
(`web:NAME`, whose rights the worker looks up when it begins: jobs/rightful.py), and has one part, its lead. Web cannot
change what a job or a schedule is, speak for the command line or for a schedule, hand out parts of a copy, or let a
statement that writes come again by a schedule."""

from __future__ import annotations

from django.db import migrations

_MADE = """
CREATE FUNCTION console_web_asks_as_somebody() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE fits boolean;
BEGIN
    IF current_user <> 'dbfleet_web' THEN
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    fits := false;
    IF TG_TABLE_NAME = 'console_job' THEN
        IF TG_OP = 'INSERT' THEN
            fits := NEW.made_by LIKE 'web:_%' AND NEW.state = 'waiting' AND NEW.begun_at IS NULL;
        ELSIF TG_OP = 'UPDATE' THEN
            -- Somebody asks for its end; its schedule is removed.
            fits := to_jsonb(NEW) - 'cancel_asked_by' - 'schedule_id' = to_jsonb(OLD) - 'cancel_asked_by' - 'schedule_id'
                AND (NEW.schedule_id IS NULL OR NEW.schedule_id IS NOT DISTINCT FROM OLD.schedule_id);
        END IF;
    ELSIF TG_TABLE_NAME = 'console_part' THEN
        IF TG_OP = 'INSERT' THEN
            fits := NEW.lead AND NEW.number = 0 AND NEW.spec = '{}' AND NEW.state = 'waiting' AND NEW.attempts = 0
                AND NEW.token IS NULL;
        END IF;
    ELSE
        IF TG_OP = 'INSERT' THEN
            fits := NEW.made_by LIKE 'web:_%' AND NEW.kind NOT IN ('statement', 'sync', 'log');
        ELSIF TG_OP = 'UPDATE' THEN
            fits := NEW.kind = OLD.kind AND NEW.arguments = OLD.arguments AND NEW.made_by = OLD.made_by;
        END IF;
    END IF;
    IF NOT fits THEN
        RAISE EXCEPTION 'the account of web may not put this on record' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER console_web_asks_as_somebody BEFORE INSERT OR UPDATE OR DELETE ON console_job
    FOR EACH ROW EXECUTE FUNCTION console_web_asks_as_somebody();
CREATE TRIGGER console_web_asks_as_somebody BEFORE INSERT OR UPDATE ON console_part
    FOR EACH ROW EXECUTE FUNCTION console_web_asks_as_somebody();
CREATE TRIGGER console_web_asks_as_somebody BEFORE INSERT OR UPDATE ON console_schedule
    FOR EACH ROW EXECUTE FUNCTION console_web_asks_as_somebody();
"""
_GONE = """
DROP TRIGGER console_web_asks_as_somebody ON console_schedule;
DROP TRIGGER console_web_asks_as_somebody ON console_part;
DROP TRIGGER console_web_asks_as_somebody ON console_job;
DROP FUNCTION console_web_asks_as_somebody();
"""


class Migration(migrations.Migration):
    """Adds the triggers."""

    dependencies = (("console", "0007_web_makes_no_commands"),)
    operations = (migrations.RunSQL(_MADE, _GONE),)
