"""The grammar words that the clause analysis stands on. English only; nothing medical is decided here."""

# Forms of which each look-up keeps what it found. Replies use a few thousand; numbers and names have no end.
CACHED_WORDS = 8192


def words(text: str) -> frozenset[str]:
    """Return the words of a text as a set."""
    return frozenset(text.split())


# Base forms that begin an instruction whatever stands before them.
VERBS = words("""
    access activate add adjust administer advise agitate aim alert allow alternate apply approach
    arrange ask assess assist assume attach attempt avoid await bathe bend bind blot blow break breathe
    bring brush bury call calm carry catch check chew choose clean cleanse clear close collect compress
    consider continue cool cover crush cushion dab deliver descend dial dig dip direct discard
    disconnect dispose dissolve do double douse drag drain drape draw drink drip drive dry dunk eat
    elevate encourage enlist ensure enter examine expect expose extract fan fasten feed feel fetch fill
    find fix flip flush fold follow forget gather get give go grab grasp grip guide hang have heat help
    hold hurry identify ignore immerse immobilize increase induce inform inhale inject insert insulate
    interlock isolate irrigate jump keep kneel lay lean leave let lie lift light listen locate lock look
    loosen lower maintain make massage measure minimize moisten monitor mop move neutralize note notice
    notify observe obtain offer open pack pad pat perform persuade phone pick pierce pinch place plunge
    point pop pour practice preserve press prevent prick prop protect provide puff pull pump puncture
    push put raise reach read reapply reassure recline recommend record reduce refrain refer refrigerate
    release relax relieve relocate remain remember remind remove repeat replace report reposition
    request rescue resist restrain resume retrieve return rinse roll rotate rub run rush scoop scrape
    scratch scream scrub seal seat secure see seek send separate set shake shave shout show shut sit
    slap slide slip slow smear smother snap sniff soak soothe speak splash spit spray spread squeeze
    stabilize stand start stay steady step sterilize stick stimulate stitch stop straighten straddle
    strap stretch strip stroke submerge suck suction supply support suppress swab swallow swap sweep
    swing switch take talk tap tear tell test thrust tickle tie tighten tilt tip touch transfer
    transport travel treat try tuck turn twist unbutton undo undress unfasten unplug untie use ventilate
    verify wait wake walk warm wash watch wear wet wipe withdraw withhold worry wrap write yank yell
    begin burst end drop learn decide delay stuff wedge force bang hit kick pound knock dump throw toss trim
    sprinkle spoon ladle smell swirl whisk scatter gargle blindfold clamp cauterize sear burn dose
    soften lance drill jab rely trust accompany enable reheat thaw rewarm burp bounce sway drown strike
    tug jerk jolt wiggle nudge shift bundle huddle cuddle panic hesitate neglect skip postpone stall
    overreact
""")

# These are nouns as often as verbs: they begin a clause only before an object, a pronoun or a particle.
NOUN_VERBS = words("""
    bandage bleed block blow box brace break breath brush burn call catch check clear cough cover
    cushion cut damage dose drain draw dress drink drive drop end exercise fan feed feel fill film find
    flow focus fold force grip guide hang harm heat help hit hold ice jump kick lean leave level lie
    lift light list look mark mask massage measure move name need note notice pack pad pat pause phone
    pick pin place plug practice press pump purse push raise reach record rescue rest return rinse ring
    roll rub run scoop scratch scream seal seat set shake shave shield shock shout show sit slap slip
    smell soak spit splash splint spray spread squeeze stand start stay stick step sting stitch stop
    strap strain stretch strip stroke study suck support swab sweep swing switch tap tape taste tear
    test tie time tip toss touch towel travel treat trim try turn twist use view visit wait wake walk
    warm wash waste watch water wet wipe wrap worry yell ventilate knock dump report request strike
    trust tug jerk burp bang sear slow double dry open calm direct clean cool steady separate panic
    delay release repeat transfer transport escape attempt contact pressure advise
""")

VERBS = VERBS | NOUN_VERBS

AUXILIARIES = words("""
    be do have can could may might must shall should will would need ought
""")
MODALS = words("can could may might must shall should will would ought")
SUBJECTS = words("""
    you they he she it we i someone somebody anyone anybody everyone nobody people this that these those
    there others some many most one who which nothing
""")
DETERMINERS = words("""
    the a an your their his her its my our this that these those any some each every both all another
    such
""")
OBJECT_STARTS = DETERMINERS | words("""
    it them him me us you on up down off out over in into with for to at from as gently firmly carefully
    immediately straight away any it's around under both yourself still 911 999 112 000 111 apart
""")
ADVERBS = words("""
    also always again already just immediately then please simply instead first next now only still even
    never ever quickly slowly gently firmly carefully lightly loosely directly finally alternatively
    therefore otherwise meanwhile afterward afterwards later once maybe perhaps possibly better best either
    rather secondly thirdly firstly lastly additionally however importantly generally usually often sometimes
    definitely absolutely certainly really very too so ok okay well sure yes promptly
""")
SUBORDINATORS = words("""
    if unless when whenever while whilst until till because although though whether once before after
    since provided whereas which who where
""")
CONDITIONS = words("if unless when whenever whether provided once should")
REASONS = words("because since as which so that this it these those they doing")
UNBIDDEN = words("breathe respond collapse faint")  # nobody is told to: "if they collapse and breathe"
COORDINATORS = words("and or but then nor so yet plus & instead")
ATTITUDES = words("""
    panic worry hesitate fear be stress wait delay overreact freeze stand sit rush waste fret dither
    despair procrastinate think feel scream forget concern alarm bother hurry faint cry
""")

PERSON_SUBJECTS = words("""
    you person casualty victim patient child baby infant adult somebody someone anybody anyone everyone
    everybody he she they we helper rescuer bystander partner friend i people one man woman individual
    sufferer
""")
# Verbs that part a subject from its predicate.
FINITE = AUXILIARIES | words("""
    carry cause make trap worsen increase damage delay lead help work irritate introduce prevent slow let
    allow push force reduce stop relieve soothe risk restart need hold seal draw harm kill include
    involve mean indicate occur refer describe differ depend represent result happen
""")
CROWD = words("people some many others folk folks grandmother grandma parents most others generation culture")

POSITIVE = words("""
    help work good great fine ok okay safe effective best recommend useful soothe relieve calm ease
    necessary important should must advise allow allowed acceptable ideal better stop  heal cure
    fix speed clear need excellent perfect right wise beneficial clever trick tip remedy harmless
    essential vital crucial key proper appropriate sufficient enough correct suggest encourage promote
    improve smart handy swear reasonable permissible quickest fastest easiest preferable advisable
    wonder wonders trust benefit draw absorb numb neutralize counteract dilute disinfect  relief
    dull pull settle normal expected natural wake restore save ensure
""")
NEGATIVE = words("""
    dangerous harmful unsafe wrong bad worse worsen risky unwise pointless useless unnecessary forbidden
    harm mistake damage hazardous counterproductive ineffective inappropriate outdated myth trap delay
    infection infect risk irritate injure injury cause kill fatal deadly hurt aggravate contaminate
    discourage avoid contraindicated unhelpful futile foolish prohibit disaster disastrous error
    introduce  lead force slow lose hinder interfere choke incorrect improper insulate block
    encourage unneeded needless superfluous excessive obsolete discredited result deepen
    provoke tear inhale aspirate seal untrue false illegal poison bleed swallow death destroy slowly
    late insufficient inadequate fail substitute weak
""")
# Adjectives that forbid what they are said of: "it is dangerous to ...".
WARNINGS = words("""
    dangerous harmful unsafe wrong bad worse risky unwise pointless useless unnecessary forbidden
    mistake hazardous counterproductive inappropriate futile foolish incorrect improper contraindicated
    fatal deadly inadvisable illegal reckless tempting error blunder folly
""")
# "is not ..." with one of these forbids as well.
APPROVALS = words("""
    recommend advise safe necessary need require good appropriate effective wise helpful suitable idea
    advisable allow acceptable permit indicate use apply give put place enough ok okay fine useful
    important essential do touch try perform remove move beneficial correct proper right true work help
    for substitute
""")
DISMISSALS = words("myth tale nonsense question folklore superstition")  # "... is out of the question"
# Those who treat, and those who answer a call.
TREATERS = words("""
    clinic crew dentist doctor hospital medic nurse paramedic physiotherapist professional specialist surgeon
""")
ADVISERS = words("center control dispatcher expert handler helpline operator poison service team toxicology")
EXPERTS = TREATERS | ADVISERS
# "Not awake: ..." and "no normal breathing, ..." name a state and forbid nothing of what follows.
STATES = words("""
    alert allergic available awake better breathe conscious improve improvement normal normally pulse
    respond responding response responsive trained
""")
INVERSE = words("hesitate fail forget neglect omit refuse delay postpone skip procrastinate")
AVOID = words("avoid refrain resist abstain forgo forego forbid prohibit ban discourage")
CEASE = words("stop cease quit discontinue halt")
# What stops by itself or is stopped on the casualty: "stop bleeding" is no end of a helper's act.
BODY_PROCESSES = words("""
    bleeding burning breathing choking shaking seizing convulsing jerking vomiting coughing moving
    fitting swelling crying shivering responding drinking eating smoking playing working exercising
    flowing spreading
""")
HELPER_NOUNS = words(
    "compression cpr pressure cooling rinse flush treatment resuscitation chest rescue breath"
)

MYTHS = words("myth misconception fallacy superstition outdated discredited debunked")

# Words too small for a dictionary; with a few of medicine and of our time.
SMALL_WORDS = words("""
    a about above across after afterwards again against all along already also although always am among
    an and another any anybody anyhow anyone anything anyway anywhere are around as aside at away back
    be because become been before behind being below beneath beside besides between beyond both but by
    can cannot could did do does doing done down due during each either else elsewhere enough etc even
    ever every everybody everyone everything everywhere except few for from further had has have having
    he hence her here hers herself him himself his how however i if in inside instead into is it its
    itself just least less let like may me meanwhile might mine more most much must my myself near
    neither never next no nobody none nor not nothing now of off often ok okay on once one only onto or
    other others otherwise ought our ours ourselves out outside over own per perhaps please quite rather
    re same shall she should since so some somebody somehow someone something sometimes somewhere soon
    still such than that the their theirs them themselves then there therefore these they this those
    though through throughout till to together too toward towards under underneath unless until unto up
    upon us via versus was we well were what whatever when whenever where whereas wherever whether which
    whichever while who whoever whole whom whose why will with within without would yes yet you your
    yours yourself yourselves whilst amid despite concerning regarding hello hi oh ah sorry thanks thank
    hey wow cpr aed aeds epipen naloxone narcan ibuprofen paracetamol acetaminophen tylenol advil saran
    clingfilm velcro nhs er ems gp ambulance defibrillator defibrillators tourniquet tourniquets auto
    injector injectors covid neosporin heimlich antihistamine antihistamines app apps online website
    websites smartphone cellphone email mg ml cm mm kg min mins sec secs hr hrs vs ie eg sams fast
    befast rice gauze epinephrine adrenaline glucagon glucose salbutamol albuterol ventolin spacer
    puffer vaseline benadryl xarelto hypoglycaemia hypothermia frostbite anaphylaxis haemorrhage
    haemostatic anaesthetic analgesic analgesics convulsive immobilise immobilised immobilising
    stabilise stabilised immobilisation neutralise oesophagus diarrhoea unresponsive unresponsiveness
    recoil resuscitate responder responders bystander bystanders paramedic paramedics nosebleed
    nosebleeds antivenom antivenin toddler toddlers jewellery litre litres centimetre centimetres metre
    metres colour grey mum dad kids airway airways nonstick lukewarm cellulitis sepsis wellbeing
    frostnip rewarm rewarming rewarmed opioid opioids fentanyl heroin methadone oximeter
""")
