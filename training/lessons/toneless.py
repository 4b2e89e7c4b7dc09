"""Texts that say nothing of a tone: numbers, codes, letters at random, languages that a bundle does
not read, bare facts. A student learns to be undecided about them, so that a low score means it.

Everything is made here; the words of other languages are among their commonest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from training.lessons.grammar import Draw

# Romanised, where "ja" stands for Japanese and some Korean.
_COMMONEST_WORDS = {
    "de": "der die das und ist nicht ein eine ich wir sie haben mit auf für von dem zu wird auch "
    "nach bei über heute morgen haus zeit jahr wasser essen stadt buch straße lesen gehen "
    "waren immer",
    "fr": "le la les des est pas une nous vous ils avec pour dans sur ce qui que mais plus tout "
    "aussi hier maison temps année eau ville livre rue manger aller était toujours chez "
    "leur cette être avoir",
    "es": "el la los las es no una nosotros ellos con para en por que pero más todo también ayer "
    "casa tiempo año agua ciudad libro calle comer ir era siempre donde cuando este esta "
    "ser tener",
    "it": "il lo gli è non una noi loro con per nel sul che ma più tutto anche ieri casa tempo "
    "anno acqua città libro strada mangiare andare era sempre dove quando questo questa "
    "essere avere della",
    "pt": "o os as é não uma nós eles com para em por que mas mais tudo também ontem casa tempo "
    "ano água cidade livro rua comer ir era sempre onde quando este esta ser ter muito pela",
    "nl": "de het een en is niet wij zij hebben met op voor van naar ook na bij over vandaag "
    "morgen huis tijd jaar water eten stad boek straat lezen gaan waren altijd waar toen "
    "deze",
    "sv": "och det att en ett är inte vi de har med på för av till också efter hos över idag "
    "imorgon hus tid år vatten mat stad bok gata läsa gå var alltid där när denna",
    "pl": "i w na nie jest się to że z do jak ale po co tak za od przez tylko już dzisiaj jutro "
    "dom czas rok woda miasto książka ulica czytać iść był zawsze gdzie kiedy ten ta",
    "tr": "ve bir bu için ile değil ne daha çok gibi ama var olan olarak kadar sonra bugün yarın "
    "ev zaman yıl su şehir kitap sokak okumak gitmek idi her zaman nerede şu",
    "fi": "ja on ei se että oli hän mutta niin kuin myös vain kun tämä ovat olla tänään huomenna "
    "talo aika vuosi vesi kaupunki kirja katu lukea mennä aina missä joka",
    "id": "dan yang di ke dari ini itu dengan untuk tidak adalah pada juga saya kami mereka akan "
    "sudah hari besok rumah waktu tahun air kota buku jalan makan pergi selalu mana",
    "ro": "și în la nu este o un pe cu care din mai că ce dar sunt fost după astăzi mâine casă "
    "timp an apă oraș carte stradă mânca merge era mereu unde când acest",
    "hu": "és a az egy nem van hogy ez de is csak meg már mint vagy volt ki ma holnap ház idő év "
    "víz város könyv utca olvasni menni mindig hol mikor",
    "cs": "a se v na je že to s z do o k ale jako by tak po už jen dnes zítra dům čas rok voda "
    "město kniha ulice číst jít byl vždy kde když",
    "vi": "và là của có không được cho trong một các với này khi đã để người ở ra vào hôm nay "
    "ngày mai nhà năm nước thành phố sách đường ăn đi luôn đâu",
    "sw": "na ya wa kwa ni katika za la si hii kama pia lakini yake hapa leo kesho nyumba wakati "
    "mwaka maji mji kitabu barabara kula kwenda daima wapi",
    "ja": "kore wa sore no desu masu ga ni wo de to kara made ashita kyou ie jikan mizu machi hon "
    "michi taberu iku itsumo doko itsu geu reul eun neun jip sigan mul chaek",
}

# {thing}, {place}, {day} and {stuff} are drawn from the words below, {number} is one.
_FACTS = {
    "en": (
        *("{thing}", "the {thing}", "{day}", "{day}, {number} o'clock", "It was {day}."),
        *("It is a {thing}.", "a {thing} and a {place}", "{number} {stuff} parts"),
        *("The {thing} is on the {place}.", "She put the {thing} on the {place}."),
        *("This {thing} has {number} parts.", "The {thing} weighs {number} grams."),
        *("I bought the {thing} on {day}.", "The {thing} arrived on {day}."),
        *("The {thing} is made of {stuff}.", "The {place} is next to the {thing}."),
        *("There are {number} of them on the {place}.", "It comes in {number} colours."),
    ),
    "ko": (
        *("{thing}", "{place}", "{day}", "{day} {number}시", "{thing} {number}개"),
        *("{thing}입니다", "{number}번째 {thing}", "{place}에 있는 {thing}", "{stuff} {thing}"),
        *("{day}에 {thing} 받음", "{day}에 {place}에 갔다", "{thing}, {place}에 있음"),
    ),
}
_WORDS = {
    "en": {
        "thing": "table chair book kettle phone film room flight bag cable lamp shoe letter box "
        "spoon ticket jacket chapter scene menu window screen camera bottle car bicycle towel",
        "place": "desk floor shelf street kitchen station corner",
        "day": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
        "stuff": "steel wood cotton plastic glass paper leather",
    },
    "ko": {
        "thing": "책상 의자 책 주전자 전화기 영화 방 가방 전등 신발 편지 상자 숟가락 표 외투 장면 "
        "메뉴 창문 화면 사진기 병 자동차 자전거 수건",
        "place": "거실 서울 부산 부엌 역 2층 극장 회사",
        "day": "월요일 화요일 수요일 목요일 금요일 토요일 일요일 3월 6월 10월 어제 오늘",
        "stuff": "나무 강철 유리 종이 가죽 플라스틱",
    },
}

# {n} is a number, {d} some digits, {w} a word that is none.
_FIGURES = (
    *("{n}", "{n}.{d}", "{n}%", "${n}", "€{n}.{d}", "{n}원", "{n} kg", "{n} km", "20{d}-{d}-{d}"),
    *("{d}:{d}", "+{d} {d} {n}", "{n} x {n}", "{n} + {d}", "({n})", "{n} {n} {n}", "No. {n}"),
)
_CODES = (
    *("https://www.{w}.com/{d}", "http://{w}.net", "@{w}{d}", "#{d}", "{w}@{w}.org", "www.{w}.kr"),
    *("{w}_{d}.txt", "{w}.jpg", "ID {d}", "{w}-{d}", "ISBN {d}", "v{d}", "/{w}/{w}", "<{w}>"),
)
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_SYLLABLES = "가나다라마바사아자차카타파하거너더러머버서어저처커터퍼허고노도로모보소오조초코토포호"
_SIGNS = (".", "..", "...", "-", "--", "?", "/", "*", "#", "&", "( )", "@", ",", ":", ";", "_", "=")


def toneless(language: str, *, texts: int, seed: int) -> list[str]:
    """`texts` different texts without a tone for a bundle of `language`; the same `seed` gives the
    same ones.

    >>> toneless("en", texts=20, seed=1)[-3:]
    ['€763775.44', 'a číst by', '$722']
    """
    draw = Draw(seed)
    foreign = [words for code, words in _COMMONEST_WORDS.items() if code != language]
    makers: list[Callable[[Draw], str]] = [_figures, _code, _letters]
    makers += [lambda draw: _foreign(foreign, draw)] * 2
    if language in _FACTS:
        makers += [lambda draw: _fact(language, draw)] * 2
    made: dict[str, None] = dict.fromkeys(_SIGNS)
    while len(made) < texts:
        made[draw.one(makers)(draw)] = None
    return list(made)[:texts]


def _digits(count: int, draw: Draw) -> str:
    return "".join(draw.one("0123456789") for _ in range(count))


def _figures(draw: Draw) -> str:
    number = str(draw.between(0, 10 ** draw.between(1, 6)))
    return draw.one(_FIGURES).format(n=number, d=_digits(2, draw))


def _code(draw: Draw) -> str:
    word = "".join(draw.one(_LETTERS) for _ in range(draw.between(3, 9)))
    return draw.one(_CODES).format(w=word, d=_digits(draw.between(2, 8), draw))


def _letters(draw: Draw) -> str:
    letters = draw.one((_LETTERS, _LETTERS, _SYLLABLES))
    words = (
        "".join(draw.one(letters) for _ in range(draw.between(1, 8)))
        for _ in range(draw.between(1, 4))
    )
    return " ".join(words)


def _foreign(languages: Sequence[str], draw: Draw) -> str:
    words = draw.one(languages).split()
    text = " ".join(draw.one(words) for _ in range(draw.between(2, 12)))
    return text.capitalize() + "." if draw.chance(0.5) else text


def _fact(language: str, draw: Draw) -> str:
    words = {name: draw.one(known.split()) for name, known in _WORDS[language].items()}
    return draw.one(_FACTS[language]).format(number=draw.between(2, 90), **words)
