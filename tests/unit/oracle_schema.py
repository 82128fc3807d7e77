"""The tables, views and sequences of the schema that tests/unit/oracle_dictionary.py tells."""

from __future__ import annotations

from typing import Final

from tests.unit.oracle_dictionary import Col, Con, Dictionary, Idx, Tab, View, not_null, number, text

KINDS: Final = (
    Tab(
        "TYPES",
        (
            number("N"), number("N38", 38), number("N_MINUS", 5, -2), number("N_STAR", None, 0),
            Col("F", "FLOAT", precision=126), Col("BF", "BINARY_FLOAT", 4), Col("BD", "BINARY_DOUBLE", 8),
            Col("B23", "BOOLEAN", 1), text("V_CHAR", 20), text("V_BYTE", 20, "B"), text("C", 3, "B", "CHAR"),
            Col("NV", "NVARCHAR2", 40, 20, "C", collation="USING_NLS_COMP"),
            Col("NC", "NCHAR", 20, 10, "C", collation="USING_NLS_COMP"),
            Col("V_CI", "VARCHAR2", 80, 20, "C", collation="BINARY_CI"),
            Col("CL", "CLOB", 4000, collation="USING_NLS_COMP"), Col("NCL", "NCLOB", 4000), Col("BL", "BLOB", 4000),
            Col("R", "RAW", 16), Col("D", "DATE", 7), Col("TS9", "TIMESTAMP(9)", 11, scale=9),
            Col("TS0", "TIMESTAMP(0)", 11, scale=0), Col("TZ", "TIMESTAMP(6) WITH TIME ZONE", 13, scale=6),
            Col("LTZ", "TIMESTAMP(3) WITH LOCAL TIME ZONE", 11, scale=3),
            Col("YM", "INTERVAL YEAR(4) TO MONTH", 5, precision=4, scale=0),
            Col("DS", "INTERVAL DAY(2) TO SECOND(6)", 11, precision=2, scale=6),
            Col("RI", "ROWID", 10), Col("U", "UROWID", 4000),
        ),
    ),
    Tab("OLD", (number("ID", 10, nullable="N"), Col("L", "LONG", 0)), (not_null("ID", 1),)),
    Tab("OLDER", (Col("LR", "LONG RAW", 0),)),
    Tab(
        "CUSTOMERS",
        (
            number("ID", 10, nullable="N", identity=("ALWAYS", "ISEQ$$_1"), default='"APP"."ISEQ$$_1".nextval'),
            text("CODE", 20, nullable="N", comment="what it's called by"),
            number("SINCE", nullable="N", default="TO_NUMBER(TO_CHAR(SYSDATE,'YYYY'))", on_null="YES"),
            number("TWICE", default='"SINCE"*2 ', virtual="YES"),
            text("SECRET", 9, hidden="YES", default="'it''s'"),
            number("OLD", default="NULL "),
        ),
        (
            Con("P", "CUSTOMERS_PK", ("ID",), index="CUSTOMERS_PK"),
            not_null("ID", 2),
            Con("C", "CUSTOMERS_CODE_NN", condition='"CODE" IS NOT NULL'),
            not_null("SINCE", 3),
            Con("U", "CUSTOMERS_CODE_U", ("CODE",), index="CUSTOMERS_CODE_U", deferrable="DEFERRABLE",
                deferred="DEFERRED"),
            Con("C", "CUSTOMERS_LATE", condition="since > 1900", validated="NOT VALIDATED", rely="RELY"),
            Con("C", "CUSTOMERS_OFF", condition="length(code) > 1", status="DISABLED", validated="NOT VALIDATED"),
            Con("C", "SYS_C0000009", named=False, condition="code <> 'x'", deferrable="DEFERRABLE"),
        ),
        (
            Idx("CUSTOMERS_PK", ("ID",), unique=True),
            Idx("CUSTOMERS_CODE_U", ("CODE",)),
            Idx("CUSTOMERS_UPPER", ("CODE", "SINCE"), "FUNCTION-BASED NORMAL", down=("SINCE",),
                texts={1: 'UPPER("CODE")', 2: '"SINCE"'}),
            Idx("CUSTOMERS_BITS", ("OLD",), "BITMAP"),
            Idx("CUSTOMERS_REV", ("SINCE", "ID"), "NORMAL/REV", visible="INVISIBLE"),
            Idx("CUSTOMERS_FEW", ("SINCE", "CODE"), prefix=1),
            Idx("CUSTOMERS_WORDS", ("CODE",), "DOMAIN", kind="CONTEXT"),
            Idx("CUSTOMERS_BROKEN", ("OLD", "CODE"), status="UNUSABLE"),
            Idx("CUSTOMERS_JOINED", ("OLD",), "BITMAP", join="YES"),
            Idx("SYS_IL0000071234C00003$$", (), "LOB", unique=True),
            Idx("THEIRS", ("CODE", "OLD"), owner="OTHER"),
        ),
        comment="who buys", triggers=("STAMP",), policies=("ONLY_MINE",), granted=True,
    ),
    Tab(
        "ORDERS",
        (
            number("ID", 10, nullable="N", default='"APP"."ORDERS_SEQ"."NEXTVAL"'),
            number("NR", 10, nullable="N", default="ISEQ$$_2.nextval", on_null="YES",
                   identity=("BY DEFAULT", "ISEQ$$_2")),
            number("CUSTOMER", 10), number("PARENT", 10), number("REGION", 10),
            number("THEIRS", 10, default='"OTHER"."SEQ"."NEXTVAL"'),
            Col("AT", "TIMESTAMP(6) WITH TIME ZONE", 13, scale=6, default="SYSTIMESTAMP"),
        ),
        (
            Con("P", "ORDERS_PK", ("ID",), index="ORDERS_ID_NR", rely="RELY"),
            not_null("ID", 4), not_null("NR", 5),
            Con("R", "ORDERS_CUSTOMER", ("CUSTOMER",), rule="CASCADE", far=("CUSTOMERS", ("ID",)),
                deferrable="DEFERRABLE", deferred="IMMEDIATE"),
            Con("R", "SYS_C0000011", ("PARENT",), named=False, rule="SET NULL", far=("ORDERS", ("ID",)),
                validated="NOT VALIDATED"),
            Con("R", "ORDERS_REGION", ("REGION",), rule="NO ACTION", other="GEO", far=("REGIONS", ("ID",))),
            Con("S", "SYS_C0000012"),
        ),
        (
            Idx("ORDERS_ID_NR", ("ID", "NR")),
            Idx("ORDERS_AT", ("AT",), "FUNCTION-BASED NORMAL", unique=True, texts={1: 'SYS_EXTRACT_UTC("AT")'}),
        ),
        read_only="YES",
    ),
    Tab("IOT", (number("A", 5, nullable="N"), number("B", 5, nullable="N"), text("C", 100)),
        (Con("P", "IOT_PK", ("A", "B"), index="IOT_PK"), not_null("A", 6), not_null("B", 7)),
        (Idx("IOT_PK", ("A", "B"), "IOT - TOP", unique=True, prefix=1, threshold=20, included=2), Idx("IOT_C", ("C",))),
        iot="IOT"),
    Tab("SYS_IOT_OVER_71", (), iot="IOT_OVERFLOW", of="IOT"),
    Tab("GTT", (number("A", 5),), temporary="Y", duration="SYS$SESSION"),
    Tab("GTT2", (number("A", 5),), temporary="Y", duration="SYS$TRANSACTION"),
    Tab("CLUSTERED", (number("A", 5),), cluster="CLU", compression="ENABLED"),
    Tab("RANGES", (Col("D", "DATE", 7, nullable="N"), number("N", 5)), (not_null("D", 8),),
        (Idx("RANGES_LOCAL", ("D",), locality="LOCAL"), Idx("RANGES_GLOBAL", ("N",), locality="GLOBAL")),
        by=("RANGE", "NONE", "NUMTOYMINTERVAL(1,'MONTH')", "NO"), key=("D",), movement="ENABLED",
        parts=(
            ("P0", "NO", "TO_DATE(' 2020-01-01 00:00:00', 'SYYYY-MM-DD HH24:MI:SS', 'NLS_CALENDAR=GREGORIAN')"),
            ("SYS_P301", "YES",
             "TO_DATE(' 2020-02-01 00:00:00', 'SYYYY-MM-DD HH24:MI:SS', 'NLS_CALENDAR=GREGORIAN')"),
        )),
    Tab("LISTS", (text("L", 2), number("N", 5)), by=("LIST", "NONE", None, "NO"), key=("L",),
        parts=(("ONE", "NO", "'a', 'b'"), ("REST", "NO", "DEFAULT"))),
    Tab("HASHES", (number("N", 5), number("M", 5)), by=("HASH", "NONE", None, "NO"), key=("N", "M"),
        parts=(("SYS_P11", "NO", None), ("H2", "NO", None))),
    Tab("COMPOSITE", (number("N", 5), number("M", 5)), by=("RANGE", "HASH", None, "NO"), key=("N",),
        parts=(("C1", "NO", "10"),)),
    Tab("REFERENCED", (number("N", 5),), by=("REFERENCE", "NONE", None, "NO")),
    Tab("OURS",
        (number("id", 19, nullable="N", default='"APP"."dbfleet:OURS.id"."NEXTVAL"'),
         number("good", 1, comment="dbfleet:bool"), Col("day", "DATE", 7, comment="dbfleet:date", domain="DAYS"),
         Col("doc", "CLOB", 4000, comment="dbfleet:json")),
        (Con("P", "SYS_C0000013", ("id",), named=False, index="SYS_C0000013"), not_null("id", 14),
         Con("C", "SYS_C0000015", named=False, condition='"doc" IS JSON')),
        (Idx("SYS_C0000013", ("id",), unique=True),), comment='dbfleet:{"edge":true}'),
    Tab("PLACES", (number("ID", 5), Col("AT", "SDO_GEOMETRY", 1, owner="MDSYS"))),
    Tab("PAPERS", (Col("DOC", "XMLTYPE", 2000, virtual="YES", owner="PUBLIC"),)),
    Tab("FILES", (Col("WHERE_IT_IS", "BFILE", 530),)),
    Tab("NOTES", (Col("DOC", "JSON", 8200),)),
    Tab("NEAR", (Col("V", "VECTOR", 8200),)),
    Tab("TREES", (Col("CHILDREN", "CHILD_LIST", 16, owner="APP"), Col("PARENT", "REF PERSON", 50, owner="APP"))),
    Tab("LEDGER", (number("A", 5),)),
    Tab("EXTERNAL_ONE", (number("A", 5),)),
    Tab("SUMS", (number("A", 5),)),
    Tab("BIN$abc==$0", (number("A", 5),)),
)  # fmt: skip
VIEWS: Final = (
    View("A_LATE", ("ID",), "SELECT id FROM b_first", ("B_FIRST",), bequeath="CURRENT_USER"),
    View(
        "B_FIRST", ("ID", "CODE"), "SELECT id, code FROM customers WHERE id > 0", constraint="V", comment="it's first"
    ),
    View("C_FIXED", ("ID",), "SELECT id FROM customers\nWITH READ ONLY", constraint="O"),
    View("D_OBJECTS", ("ID",), "SELECT person(id) FROM customers", kind="PERSON"),
)
_MOST: Final = 9_999_999_999_999_999_999_999_999_999
SEQUENCES: Final = (
    ("ISEQ$$_1", 1, 1, _MOST, "N", "N", 20, "N", "N", "N", 41),
    ("ISEQ$$_2", -10, -1000, 1000, "Y", "Y", 0, "N", "N", "N", -30),
    ("ORDERS_SEQ", 1, 1, _MOST, "N", "N", 20, "N", "N", "N", 1001),
    ("UNUSED", 5, 0, 100, "N", "N", 2, "Y", "Y", "Y", 10),
    ("dbfleet:OURS.id", 1, 1, _MOST, "N", "N", 20, "N", "N", "N", 7),
)
BESIDES: Final = (
    ("FUNCTION", "F"), ("MATERIALIZED VIEW", "SUMS"), ("SEQUENCE", "ORDERS_SEQ"), ("SEQUENCE", "UNUSED"),
    ("SYNONYM", "S"), ("TYPE", "PERSON"),
)  # fmt: skip


def dictionary(**more: str) -> Dictionary:
    """The whole schema."""
    return Dictionary(KINDS, VIEWS, SEQUENCES, BESIDES, ["SUMS"], **more)
