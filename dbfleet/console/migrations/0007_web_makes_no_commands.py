"""What a worker runs as a command is chosen on the command line alone: the web's account can neither make such a job or
schedule, nor turn another one into it. Whoever takes web over has no more than the rights of the people who use it."""

from __future__ import annotations

from django.db import migrations

_MADE = """
CREATE FUNCTION console_no_command_by_web() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_user = 'dbfleet_web' AND NEW.kind = 'command' THEN
        IF TG_OP = 'INSERT' AND TG_TABLE_NAME = 'console_job' THEN
            IF EXISTS (
                SELECT 1 FROM console_schedule s
                 WHERE s.id = NEW.schedule_id AND s.kind = 'command' AND s.arguments = NEW.arguments
            ) THEN
                RETURN NEW;
            END IF;
        END IF;
        IF TG_OP = 'UPDATE' AND OLD.kind = NEW.kind AND OLD.arguments = NEW.arguments THEN
            RETURN NEW;
        END IF;
        RAISE EXCEPTION 'a command is made on the command line alone' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER console_no_command_by_web BEFORE INSERT OR UPDATE ON console_job
    FOR EACH ROW EXECUTE FUNCTION console_no_command_by_web();
CREATE TRIGGER console_no_command_by_web BEFORE INSERT OR UPDATE ON console_schedule
    FOR EACH ROW EXECUTE FUNCTION console_no_command_by_web();
"""
_GONE = """
DROP TRIGGER console_no_command_by_web ON console_schedule;
DROP TRIGGER console_no_command_by_web ON console_job;
DROP FUNCTION console_no_command_by_web();
"""


class Migration(migrations.Migration):
    """Adds the triggers. A job of a schedule that was made on the command line may be made by web: `run now`."""

    dependencies = (("console", "0006_what_was_told"),)
    operations = (migrations.RunSQL(_MADE, _GONE),)
