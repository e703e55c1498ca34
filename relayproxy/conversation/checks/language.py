"""Whether a text is clearly in another language than the one that speech is set to.

Knows: which script a language is written in, and the frequent words of seven languages in Latin script.
Must not know: tokens, markup, what follows from it.

It says nothing where it is not sure: of short texts, names, mixtures, and languages that it does not know.
"""

import re

ENOUGH_WORDS = 8
"""A shorter text may be a name or a greeting."""
ENOUGH_SIGNS = 16
"""The same for scripts that put no spaces between words."""
CLEAR = 0.7
"""Share of the letters from which on a text is written in a script."""

_SCRIPTS = {
    "Cyrillic": "\u0400-\u052f",
    "Greek": "\u0370-\u03ff\u1f00-\u1fff",
    "Hebrew": "\u0590-\u05ff",
    "Arabic": "\u0600-\u06ff\u0750-\u077f\u08a0-\u08ff\ufb50-\ufdff\ufe70-\ufeff",
    "Devanagari": "\u0900-\u097f",
    "Bengali": "\u0980-\u09ff",
    "Gurmukhi": "\u0a00-\u0a7f",
    "Gujarati": "\u0a80-\u0aff",
    "Tamil": "\u0b80-\u0bff",
    "Telugu": "\u0c00-\u0c7f",
    "Kannada": "\u0c80-\u0cff",
    "Malayalam": "\u0d00-\u0d7f",
    "Thai": "\u0e00-\u0e7f",
    "Georgian": "\u10a0-\u10ff",
    "Armenian": "\u0530-\u058f",
    "Hangul": "\u1100-\u11ff\u3130-\u318f\uac00-\ud7af",
    "Kana": "\u3040-\u30ff",
    "Han": "\u3400-\u4dbf\u4e00-\u9fff",
    "Latin": "A-Za-z\u00aa\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff",
}
_SPACELESS = frozenset(("Thai", "Kana", "Han"))
_LETTERS = {name: re.compile(f"[{ranges}]") for name, ranges in _SCRIPTS.items()}
_WRITTEN_IN: dict[str, frozenset[str]] = {
    language: frozenset(scripts.split())
    for scripts, languages in {
        "Latin": "en es fr de pt it nl sv da no nb nn fi is pl cs sk hu ro tr id ms vi hr sl et lv lt ca gl eu af sw",
        "Cyrillic": "ru uk bg be mk",
        "Greek": "el",
        "Hebrew": "he iw",
        "Arabic": "ar fa ur",
        "Devanagari": "hi mr ne",
        "Bengali": "bn",
        "Gurmukhi": "pa",
        "Gujarati": "gu",
        "Tamil": "ta",
        "Telugu": "te",
        "Kannada": "kn",
        "Malayalam": "ml",
        "Thai": "th",
        "Georgian": "ka",
        "Armenian": "hy",
        "Hangul Han": "ko",
        "Kana Han": "ja",
        "Han": "zh cmn yue",
    }.items()
    for language in languages.split()
}
"""Languages that are written in more than one script are left out, and so are rare ones."""

_FUNCTION_WORDS = {
    "en": "a an the and you your are is was have has what would with this that for can could how of to be will when "
    "from please they there which it's i'm i'll we'll don't do does not my our we i in on at or no me so if it am "
    "by as he",
    "es": "a de la que en se no es un o el los las y usted su sus está están qué cómo para con por muy más pero hay "
    "puede tiene gracias del una cuando desde aquí también al hola lo mi le sí me te si como son puedo quiere "
    "nuestro nuestra cuántos cuántas necesita",
    "fr": "a de la que en se un le les et vous votre vos est sont avec pour pas je nous une des du ce cette qui dans "
    "sur mais avez être plus merci bonjour quel quelle c'est au aux où très ne on me te si il à ou son es combien",
    "de": "der die das und sie ihr ihre ihren ist sind nicht ein eine einen einem mit für auf ich wir haben kann "
    "können bitte wie zu den dem des von auch wenn in im am an es er noch gerne uns mir was so um will hat du at",
    "pt": "a de la que se no o os e as você seu sua é está são não para com uma do da dos das em um por mais muito "
    "obrigado obrigada pode posso tem isso aqui também quando nos nosso ao ou eu me te à às quantos quantas "
    "gostaria",
    "it": "a la se no o i il gli e lei suo sua è sono non per con che di della del nel una un questo questa può grazie "
    "anche come quando più molto vuole posso cosa ho ha mi le si in me te al alle da ne lo vorrebbe quante quanti",
    "nl": "de het een en u uw je is zijn niet met voor op van dat die wij we ik heeft hebben kunt graag wat hoe naar "
    "bij ook om te er dit maar deze onze nog in me als of was so had",
}
_COMMON_WORDS = {
    "en": "sure today tomorrow tonight now just all any other need want help know let see get call time day week "
    "morning evening available sorry thanks thank happy anything something everything great right order "
    "appointment moment again more one two three four five six eight ten back here then only still very much "
    "some than into about after before first next last name number address table room account us them him her "
    "his she were been had should yes okay ask say tell check phone pick add remain stay",
    "es": "claro gusto mucho mucha muchos ayudo ayudar ayuda ayudarle hoy mañana noche tarde ahora mismo necesito "
    "necesite puede puedes podemos tenemos tengo tiene hacer decir bien bueno buenos buenas días perfecto "
    "favor momento cita pedido mesa mesas llamada todo todos todas nada algo otra otro solo siempre entonces "
    "ya fue ser estoy estamos quiere quisiera dígame espere voy vamos nombre número correo dirección teléfono "
    "cuenta lunes martes miércoles jueves viernes sábado domingo hora horas dos tres cuatro cinco seis siete "
    "ocho nueve diez lamentablemente lamento entiendo enseguida nosotros este esta ese esa eso esto "
    "disponible disponibles queda confirmada confirmado gustaría sí cada antes después hasta sin sobre porque "
    "donde quién cuál",
    "fr": "bien entendu sûr très tout toute tous toutes rien oui non aujourd'hui demain soir matin maintenant ici "
    "alors aussi encore déjà toujours jamais parfait désolé malheureusement instant moment s'il plaît "
    "d'accord peux peut pouvez pouvons veux voulez souhaitez faire dire voir aller besoin aide aider appel "
    "rendez-vous rendez commande table tables service nom numéro adresse téléphone compte lundi mardi "
    "mercredi jeudi vendredi samedi dimanche heure heures deux trois quatre cinq six sept huit neuf dix notre "
    "nos leur leurs ces cet mes mon ma votre elle elles ils suis sommes été être ai as avons fait vérifie "
    "reste confirmé disponible ne n'est j'ai j'aimerais l'heure quand comment pourquoi parce sans sous vers "
    "chez entre après avant depuis",
    "de": "gerne helfe helfen hilfe heute morgen abend jetzt sofort gleich bei alles allem weiter was sie brauchen "
    "brauche möchte möchten würde würden hätte hätten können könnten müssen soll sollen alle kein keine "
    "keinen mehr nur schon sehr gut danke vielen dank leider natürlich selbstverständlich klar moment termin "
    "uhr bestellung anruf tisch tische frei freie freien name nummer adresse telefon konto montag dienstag "
    "mittwoch donnerstag freitag samstag sonntag zwei drei vier fünf sechs sieben acht neun zehn mein meine "
    "unser unsere ihnen ihm ihn euch mich dich sich man wird werden wurde sein bin hatte habe nach vor bis "
    "über unter zwischen durch gegen ohne seit aber oder weil dass wenn dann hier dort da schaue bleibt "
    "bestätigt früh",
    "pt": "claro gosto muita muitos ajudo ajudar ajuda hoje amanhã noite tarde manhã agora mesmo preciso precisar "
    "precisa podemos temos tenho fazer dizer bem bom boa perfeito favor momento consulta pedido mesa mesas "
    "ligação tudo todos todas nada algo outra outro só somente sempre então já foi ser estou estamos quer "
    "queria vou vamos nome número endereço telefone conta segunda terça quarta quinta sexta feira sábado "
    "domingo hora horas dois duas três quatro cinco seis sete oito nove dez infelizmente desculpe entendo "
    "este esta esse essa isto aquilo disponível disponíveis fica confirmada confirmado sim cada antes depois "
    "até sem sobre porque onde quem qual verificar",
    "it": "certo certamente aiuto aiutare aiutarla volentieri oggi domani sera stasera mattina adesso ora subito "
    "tutto tutti tutte ciò niente qualcosa altro altra solo soltanto sempre allora già stato essere sto "
    "stiamo voglio vuole possiamo abbiamo avete fare dire vedere bene buono buongiorno buonasera perfetto "
    "favore momento attimo appuntamento ordine tavolo tavoli chiamata nome numero indirizzo telefono conto "
    "lunedì martedì mercoledì giovedì venerdì sabato domenica ore due tre quattro cinque sei sette otto nove "
    "dieci purtroppo mi dispiace capisco nostro nostra vostro vostra loro noi voi lui questi queste quello "
    "quella disponibile disponibili rimane confermato serve servono sì ogni prima dopo fino senza sopra "
    "perché dove chi quale controllo prenotare presto",
    "nl": "natuurlijk help helpen hulp vandaag morgen avond vanavond nu meteen alles allemaal niets iets ander "
    "andere alleen altijd dan al geweest worden wordt wil willen wilt moet moeten mag nodig kunnen zullen zou "
    "doen zeggen zien goed goede prima bedankt dank helaas begrijp moment afspraak bestelling tafel tafels "
    "vrije naam nummer adres telefoon rekening maandag dinsdag woensdag donderdag vrijdag zaterdag zondag uur "
    "twee drie vier vijf zes zeven acht negen tien mijn ons jouw hun hem haar zij hij jullie geen meer veel "
    "zeer heel hier daar waar wanneer waarom omdat als tot zonder onder over tegen tussen sinds na blijft "
    "bevestigd vroeg alstublieft",
}
"""Words that are frequent in calls and mean something by themselves; a sentence may hold few of the small ones."""
_BY_LANGUAGE = {language: frozenset(words.split()) for language, words in _FUNCTION_WORDS.items()}
_KNOWN = {language: words | frozenset(_COMMON_WORDS[language].split()) for language, words in _BY_LANGUAGE.items()}
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
DISTINCT = 4
"""So many different known words must speak for the other language …"""
TELLING = 3
"""… so many of them be none of the right language …"""
SHARE = 0.3
"""… be this share of all words …"""
MORE = 3
"""… and be so many times those of the right language."""


def foreign(text: str, lang: str | None) -> int | None:
    """Where in `text` the first letter or word is that is clearly not in `lang` (a language tag such as `es-ES`); None
    when it may well be, is too short to tell, or `lang` names no language that is known here. Never raises."""
    language = re.split("[-_]", lang or "", maxsplit=1)[0].lower()
    scripts = _WRITTEN_IN.get(language)
    if scripts is None:
        return None
    words = [(found.start(), found[0].lower().replace("’", "'")) for found in _WORD.finditer(text)]
    script = "Latin" if text.isascii() else _script(text)
    if script is None or (script in scripts and language not in _KNOWN):
        return None
    if script == "Latin":
        return _other(words, language) if len(words) >= ENOUGH_WORDS else None
    first = _LETTERS[script].search(text)
    signs = sum(len(_LETTERS[name].findall(text)) for name in _SPACELESS)
    long = signs >= ENOUGH_SIGNS if script in _SPACELESS else len(words) >= ENOUGH_WORDS
    return first.start() if first and long else None


def is_function_word(word: str, language: str) -> bool:
    """True of a frequent small word (lower case) of a language that is known here by its two letters."""
    return word in _BY_LANGUAGE.get(language, ())


LANGUAGES = tuple(_BY_LANGUAGE)
"""Those whose function words are known."""


def _script(text: str) -> str | None:
    """The script that nearly all letters are in. Kana counts Han too, which Japanese is mixed with."""
    counts = {name: len(letters.findall(text)) for name, letters in _LETTERS.items()}
    total = sum(counts.values())
    if counts["Kana"] > total * 0.1:
        counts["Kana"] += counts["Han"]
    script = max(counts, key=lambda name: counts[name])
    return script if total and counts[script] >= CLEAR * total else None


def _other(words: list[tuple[int, str]], language: str) -> int | None:
    """Where the first word of another language is, when that clearly is the language of the words."""
    distinct = {word for _, word in words}
    right = _KNOWN.get(language, frozenset())
    evidence = {name: len(distinct & known) for name, known in _KNOWN.items()}
    best = max(evidence, key=lambda name: (evidence[name], name))
    found = [at for at, word in words if word in _KNOWN[best]]
    telling = len((distinct & _KNOWN[best]) - right)
    if evidence[best] < DISTINCT or telling < TELLING or len(found) < SHARE * len(words):
        return None
    return found[0] if evidence[best] >= MORE * evidence.get(language, 0) else None
