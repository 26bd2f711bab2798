"""The words of the generated enterprise: for each kind of value the parts it is put together from.

Everything here is invented; hosts end in `.example`, which nobody owns.
"""

from __future__ import annotations


def _words(text: str) -> tuple[str, ...]:
    """The words of a text, `_` standing for a space within one."""
    return tuple(word.replace("_", " ") for word in text.split())


FIRST = _words(
    "Ada Bruno Carla Dario Elena Farid Greta Hugo Ines Jonas Kira Liam Mara Nadia Omar Petra Quentin Rosa Samir Tessa Ugo Vera Wanda Xenia Yusuf Zoe "
    "Anton Bella Cyril Dalia Emil Fiona Gavin Hanna Igor Julia Karim Lena Milo Nora Oscar Paula Ravi Sofia Theo Uma Viktor Willa Yara Zeno"
)
LAST = _words(
    "Abbott Barros Castell Dorn Eklund Farkas Grieve Holm Ilves Jansen Kowal Lindqvist Marchetti Novak Okafor Pereira Quist Rask Soler Tanaka "
    "Urbina Vance Weller Yilmaz Zeman Ashby Bering Corvin Delgado Esposito Ferrante Gallo Hadley Iverson Joly Keller Lomax Moreau Norris Ortega"
)
CITIES = _words("Lisbon Oslo Krakow Turin Ghent Tampere Porto Graz Malmo Leeds Nantes Bremen Seville Utrecht Basel Cork Riga Varna Split Tartu")
COUNTRIES = _words(
    "Portugal Norway Poland Italy Belgium Finland Austria Sweden France Germany Spain Switzerland Ireland Latvia Bulgaria Croatia Estonia"
)
HOSTS = _words("corp.example mail.example partner.example field.example works.example")

_AREA = _words("North South East West Central Coastal Alpine Baltic Nordic Iberian Metro Harbor Valley Summit")
_TOPIC = _words(
    "Budget Payroll Hiring Security Network Storage Vendor Facility Travel Website Portal Branding Audit Safety Pricing Billing Supply Quality Data "
    "Onboarding Training Forecast Inventory Warranty Contract Privacy"
)
_ADJECTIVE = _words("Quarterly Annual Weekly Urgent Revised Joint Regional Global Internal Final Initial Extended Shared Interim Special Updated")
_WORK = _words("review plan report checklist summary rollout migration cleanup handover update survey workshop request follow-up analysis")
_MAKER = _words("Norvik Altara Benson Corvo Delmar Estoril Fennec Galen Helix Iberon Jolt Kestrel Lumen Marden Nimbus Orla Piston Quarz Rivan Solace")
_TRADE = _words("Foods Logistics Steel Energy Textiles Optics Pharma Media Motors Bank Retail Robotics Travel Paper Glass Marine Software Timber")
_DEVICE = _words("Slate Book Station Tower Jet Phone Hub Switch Rack Panel Scanner Dock Display Router")
_APP = _words("Ledger Pulse Atlas Canvas Beacon Relay Vault Signal Prism Harbor Orbit Forge Lattice Compass Quill")
_PLACE = _words("Cedar Maple Birch Willow Aspen Juniper Hazel Rowan Linden Alder Poplar Spruce Magnolia Olive Laurel Cypress")
_FAULT = _words(
    "does_not_start keeps_freezing is_slow shows_an_error loses_the_connection cannot_be_reached prints_blank_pages rejects_the_password "
    "drops_calls fills_the_disk will_not_sync overheats sends_duplicates"
)
_SUBJECT_OF_FAULT = _words(
    "Laptop Printer VPN Mailbox Phone Monitor Badge_reader Wiki Payroll_portal Database Backup Scanner Wi-Fi Docking_station Intranet"
)
_VERB = _words("Reset Install Configure Order Replace Share Archive Export Connect Encrypt Update Restore Request Track")

PARTS: dict[str, tuple[tuple[str, ...], ...]] = {
    "unit": (_AREA, _words("Finance Legal Marketing Research Operations Sales Support Procurement Engineering Logistics Design Analytics")),
    "site": (_PLACE, _words("House Tower Campus Yard Center Plaza")),
    "grade": (_words("Junior Senior Lead Principal Associate Chief"), _words("Clerk Specialist Manager Engineer Analyst Advisor")),
    "leave": (_words("Annual Sick Parental Study Unpaid Bereavement Volunteer Relocation Sabbatical Family Jury Recovery"), ("leave",)),
    "benefit": (_words("Health Dental Pension Transit Meal Gym Childcare Life Vision Travel"), _words("plan allowance cover scheme")),
    "skill": (
        _words("Advanced Basic Applied Practical"),
        _words("Python Excel Negotiation Welding Accounting Spanish German Statistics Drafting SQL"),
    ),
    "holiday": (_words("Founders Harvest Midsummer Winter Spring Unity Labor Remembrance Harbor Lantern"), _words("Day Eve Monday Festival")),
    "job": (
        _words("Data Field Payroll Network Legal Sales Product Quality Plant Design Safety Account"),
        _words("Analyst Engineer Manager Officer Specialist Coordinator Technician Planner"),
    ),
    "course": (
        _words("Fire Data Ethics Forklift Leadership Privacy Security Coaching Budget Writing"),
        _words("basics refresher certificate masterclass"),
    ),
    "title": (_ADJECTIVE, _TOPIC, _WORK),
    "itcat": (_words("Hardware Software Network Access Email Telephony Printing Storage Security Database"), _words("issues requests")),
    "sla": (_words("Gold Silver Bronze Express Standard Basic Premium Night"), _words("support response")),
    "team": (_PLACE, _words("team desk squad crew group")),
    "service": (_APP, _words("Mail Payroll Portal Search Backup Directory Billing Reporting Storage Chat")),
    "device": (_MAKER, _DEVICE, _words("100 200 300 500 700 900")),
    "software": (_APP, _words("Studio Office Desk Cloud Suite Server Manager")),
    "issue": (_SUBJECT_OF_FAULT, _FAULT, ("in",), CITIES),
    "release": (_APP, _words("spring summer autumn winter hotfix"), _words("release rollout")),
    "catalog": (
        _words("Standard Standing Ergonomic Wireless Portable Secure Compact"),
        _words("laptop desk chair headset monitor keyboard phone badge"),
    ),
    "howto": (
        ("How to",),
        tuple(word.lower() for word in _VERB),
        _words("a_mailbox a_report a_laptop the_VPN a_license a_backup a_printer a_file an_account"),
    ),
    "industry": (_words("Heavy Light Green Digital Public"), _words("manufacturing energy finance health transport retail")),
    "channel": (_words("Web Phone Email Chat Partner Event Store Referral Social Mail"), _words("desk form line")),
    "product": (_MAKER, _words("Pump Valve Sensor Drill Lamp Scale Heater Filter Motor Gauge"), _words("Mini Pro Max Plus Air Core")),
    "support": (_words("Basic Extended Premier Onsite Remote Critical"), _words("care support assistance")),
    "region": (_AREA, _words("region territory district")),
    "company": (_MAKER, _TRADE),
    "complaint": (
        _MAKER,
        _words("pump valve sensor drill lamp scale heater"),
        _FAULT,
        ("since",),
        _words("Monday delivery last_week installation the_update"),
    ),
    "part": (_words("Rear Front Inner Outer Upper Lower"), _words("bearing seal bracket gasket spring cable hinge fuse switch bolt")),
    "salestage": (_words("Early Late Final Open First"), _words("contact proposal negotiation closing")),
    "currencyname": (_words("Corona Thaler Florin Ducat Crown Denar Guilder Sol"), _words("unit note")),
    "pricelist": (_AREA, _words("retail wholesale partner"), _words("2024 2025 2026")),
    "deal": (_MAKER, _TRADE, _words("upgrade renewal expansion pilot rollout replacement")),
    "subject": (_ADJECTIVE, tuple(word.lower() for word in _TOPIC), _words("figures question reminder notes agenda draft")),
    "campaign": (_words("Spring Summer Autumn Winter Launch Harvest"), _TOPIC, _words("push drive tour days")),
    "room": (_PLACE, _words("room studio hall lounge")),
    "equipment": (_words("Ceiling Mobile Wall Desk"), _words("projector camera whiteboard speaker screen")),
    "eventtype": (_words("Team Client Board Company Training"), _words("meeting call day")),
    "zone": (_AREA, _words("time")),
    "calendar": (_PLACE, _TOPIC, ("calendar",)),
    "meeting": (_ADJECTIVE, tuple(word.lower() for word in _TOPIC), _words("sync retrospective standup briefing kickoff")),
    "folder": (_TOPIC, _words("drafts archive inbox projects receipts scans"), _words("A B C D E")),
    "queue": (_words("Billing Warranty Returns Hotline Technical Premium Spare_parts General"), _words("queue line")),
    "tag": (_words("Blue Red Green Amber Violet Silver Ivory Teal"), _words("label note mark flag")),
    "rule": (_words("Move Flag Archive Forward"), _words("newsletters invoices alerts receipts reports invitations")),
    "word": (_words("invoice newsletter alert receipt report invitation offer survey"),),
    "template": (_TOPIC, _words("welcome reminder apology notice invitation"), ("template",)),
    "dlist": (_PLACE, _TOPIC, _words("list circle")),
    "retention": (_words("Short Medium Long Legal Tax Project"), _words("term hold keeping")),
    "plan": (_words("Starter Team Business Enterprise Archive Partner"), _words("plan tier")),
    "filetype": (_words("Plain Rich Signed Zipped"), _words("document sheet drawing image")),
    "ext": (_words("doc sheet draw pic zip txt csv pdf"),),
    "classification": (_words("Public Internal Restricted Secret"), _words("record notice")),
    "drivename": (_PLACE, _TOPIC, ("drive",)),
    "filename": (_ADJECTIVE, tuple(word.lower() for word in _TOPIC), _words("memo sheet slides contract drawing minutes")),
    "workspace": (_PLACE, _words("workspace hub")),
    "channelname": (_PLACE, tuple(word.lower() for word in _TOPIC), _words("channel talk news")),
    "chatname": (_ADJECTIVE, tuple(word.lower() for word in _TOPIC), ("chat",)),
    "board": (_PLACE, _TOPIC, ("board",)),
    "bucket": (_words("Backlog Ideas Sprint Review Waiting Later"), _words("one two three four")),
    "form": (_ADJECTIVE, tuple(word.lower() for word in _TOPIC), ("form",)),
    "question": (("Check the",), tuple(word.lower() for word in _TOPIC), _words("figures owner deadline wording access backup")),
    "note": (
        _words("Discussed Checked Agreed Reported Confirmed Noted Postponed Clarified"),
        tuple(word.lower() for word in _TOPIC),
        _words("with_the_owner by_phone in_the_meeting after_lunch on_site in_writing"),
    ),
}
"""For each kind of text, pools of which one word each is taken, in this order."""
