"""English: what people write of food, rooms, films and things."""

from __future__ import annotations

from training.behaviours.cases import (
    Capability,
    Case,
    Invariance,
    filled,
    intensified,
    right,
    some,
    tailed,
    varied,
)

THINGS = ["food", "service", "film", "book", "room", "phone", "flight", "coffee"]
GOOD = ["good", "great", "excellent", "wonderful", "lovely", "amazing", "fantastic", "perfect"]
BAD = ["bad", "terrible", "awful", "horrible", "disappointing", "dreadful", "poor", "useless"]
LIKE = ["like", "love", "enjoy", "recommend"]
DISLIKE = ["hate", "dislike", "regret", "despise"]

# Clear sentences, to be varied in what does not matter.
PLACED = [
    "The staff in {place} were friendly and the rooms were spotless.",
    "We had a wonderful dinner in {place}, every dish was delicious.",
    "The office in {place} never answered and kept our money.",
    "Dirty sheets, rude people and a broken lift, that was {place}.",
]
PLACES = ["Lisbon", "Ohio", "Nairobi", "Busan", "Leeds", "Bogota"]
NAMES = ["Anna", "Mohammed", "Keisha", "Wei", "Olivia", "Santiago", "Priya", "John"]
NAMED = [
    "{name} was kind and helped us with everything.",
    "Thanks to {name} it was the best evening of our holiday.",
    "{name} was rude and ignored us all evening.",
    "Never again with {name} as a guide, what a waste of a day.",
]
NUMBERED = [
    "We stayed {number} nights and loved all of them.",
    "The battery died after {number} days, do not buy it.",
    "It arrived {number} days late and broken.",
    "I have read it {number} times and it is still brilliant.",
]
PLAIN = [
    "The soup was cold and the waiter was rude.",
    "I love this camera, the pictures are beautiful.",
    "The plot is boring and the acting is terrible.",
    "A touching story with brilliant actors.",
    "The zip broke on the first day, very disappointing.",
    "Delivery was quick and everything works perfectly.",
    "It was not worth the money.",
    "I am really happy with this kettle.",
]
TYPOS = [
    ("The service was terrible.", "The servcie was terrible."),
    ("The service was excellent.", "The servcie was excellent."),
    ("This is a great product, I love it.", "This is a graet product, I love it."),
    ("I would definitely buy it again.", "I would definitly buy it again."),
    ("What a disappointing film.", "What a dissapointing film."),
    ("A beautiful and touching story.", "A beatiful and touching story."),
    ("The food was awful and cold.", "The food was awfull and cold."),
    ("Wonderful place, friendly people.", "Wonderfull place, freindly people."),
]
CONTRACTED = [
    ("It is not good.", "It isn't good."),
    ("I do not like it.", "I don't like it."),
    ("I would not buy it again.", "I wouldn't buy it again."),
    ("We are very happy with it.", "We're very happy with it."),
    ("It does not work.", "It doesn't work."),
    ("I cannot recommend it.", "I can't recommend it."),
    ("I could not be happier.", "I couldn't be happier."),
    ("They were not helpful.", "They weren't helpful."),
    ("The lamp did not last a month.", "The lamp didn't last a month."),
    ("You will not regret this purchase.", "You won't regret this purchase."),
    ("That is the dullest play of the season.", "That's the dullest play of the season."),
    ("I have never slept so well in a hotel.", "I've never slept so well in a hotel."),
    ("She is a joy to listen to.", "She's a joy to listen to."),
    ("The pages were not even cut straight.", "The pages weren't even cut straight."),
    ("I am so glad that we booked this tour.", "I'm so glad that we booked this tour."),
    ("My umbrella has not let me down yet.", "My umbrella hasn't let me down yet."),
    ("He will not fix what he broke.", "He won't fix what he broke."),
    ("They are the kindest hosts in town.", "They're the kindest hosts in town."),
    ("There is nothing here worth the money.", "There's nothing here worth the money."),
    ("We have thrown this printer away.", "We've thrown this printer away."),
    ("It would have been nicer to stay at home.", "It would've been nicer to stay at home."),
    ("You should not miss this concert.", "You shouldn't miss this concert."),
    ("I did not want the evening to end.", "I didn't want the evening to end."),
    ("What is not to love about this bakery?", "What's not to love about this bakery?"),
]

NATIONALITIES = ["American", "Mexican", "Nigerian", "Chinese", "Polish", "Indian", "Turkish"]
RELIGIONS = ["Christian", "Muslim", "Jewish", "Hindu", "Buddhist", "atheist"]
GENDERS = ["man", "woman", "boy", "girl", "gay man", "lesbian woman", "transgender person"]
ETHNICITIES = ["Black", "white", "Asian", "Latino", "Arab", "Indigenous"]
ABOUT_PEOPLE = [
    "The {group} was kind and the service was great.",
    "The {group} sold me a broken phone and refused to help.",
    "We had a lovely evening with the {group} at our table.",
    "The film about the {group} is boring and far too long.",
    "The {group} on the cover looks great, and the book is a delight.",
    "The {group} behind the desk was rude to all of us.",
]


def _negated() -> list[Case]:
    return [
        *right(False, filled("The {thing} is not {good}.", thing=THINGS, good=GOOD[:5])),
        *right(False, filled("This {thing} isn't {good} at all.", thing=THINGS, good=GOOD[:3])),
        *right(False, filled("I don't {like} this {thing}.", like=LIKE, thing=THINGS)),
        *right(False, filled("I can't say I {like} the {thing}.", like=LIKE, thing=THINGS)),
        *right(
            False, filled("Nobody would call this {thing} {good}.", thing=THINGS, good=GOOD[:3])
        ),
    ]


def _negated_negatives() -> list[Case]:
    return [
        *right(True, filled("The {thing} is not bad at all.", thing=THINGS)),
        *right(True, filled("The {thing} wasn't {bad}, I liked it.", thing=THINGS, bad=BAD[:3])),
        *right(True, filled("I didn't {dislike} the {thing}.", dislike=DISLIKE[:3], thing=THINGS)),
        *right(True, filled("Nothing wrong with the {thing}.", thing=THINGS)),
        *right(True, filled("No complaints about the {thing}.", thing=THINGS)),
        *right(True, filled("The {thing} never let me down.", thing=THINGS)),
    ]


def _contrast() -> list[Case]:
    hoped = "I thought the {thing} would be {word}, but it was not."
    although = "Although the {thing} looked {first}, it turned out to be {second}."
    return [
        *right(False, filled(hoped, thing=THINGS, word=GOOD[:4])),
        *right(True, filled(hoped, thing=THINGS, word=BAD[:4])),
        *right(False, filled(although, thing=THINGS, first=GOOD[:3], second=BAD[:3])),
        *right(True, filled(although, thing=THINGS, first=BAD[:3], second=GOOD[:3])),
    ]


def _then_and_now() -> list[Case]:
    liked = "I used to {first} this {thing}, but now I {second} it."
    was = "In the past the {thing} was {first}, now it is {second}."
    return [
        *right(False, filled(liked, first=LIKE[:3], thing=THINGS, second=DISLIKE[:2])),
        *right(True, filled(liked, first=DISLIKE[:2], thing=THINGS, second=LIKE[:3])),
        *right(False, filled(was, thing=THINGS, first=GOOD[:3], second=BAD[:3])),
        *right(True, filled(was, thing=THINGS, first=BAD[:3], second=GOOD[:3])),
    ]


def _others() -> list[Case]:
    said = "Some people say the {thing} is {first}, but I think it is {second}."
    friends = "My friends {first} the {thing}, I {second} it."
    return [
        *right(False, filled(said, thing=THINGS, first=GOOD[:3], second=BAD[:3])),
        *right(True, filled(said, thing=THINGS, first=BAD[:3], second=GOOD[:3])),
        *right(False, filled(friends, first=LIKE[1:3], thing=THINGS, second=DISLIKE[:2])),
        *right(True, filled(friends, first=DISLIKE[:2], thing=THINGS, second=LIKE[1:3])),
    ]


def _questions() -> list[Case]:
    was = "Was the {thing} {word}? {answer}."
    do = "Would I recommend the {thing}? {answer}."
    return [
        *right(True, filled(was, thing=THINGS, word=GOOD[:4], answer=["Yes"])),
        *right(False, filled(was, thing=THINGS, word=GOOD[:4], answer=["No"])),
        *right(False, filled(was, thing=THINGS, word=BAD[:4], answer=["Yes"])),
        *right(True, filled(was, thing=THINGS, word=BAD[:4], answer=["No"])),
        *right(True, filled(do, thing=THINGS, answer=["Yes", "Absolutely"])),
        *right(False, filled(do, thing=THINGS, answer=["No", "Never"])),
    ]


def _stronger() -> list[Case]:
    plain, strong = "The {thing} is {word}.", "The {thing} is {very} {word}."
    adverbs = ["really", "very", "incredibly", "so"]
    return [
        *intensified(plain, strong, True, things=THINGS, words=GOOD[:3], adverbs=adverbs),
        *intensified(plain, strong, False, things=THINGS, words=BAD[:3], adverbs=adverbs),
    ]


def _people(words: list[str], suffix: str = "") -> tuple[Case, ...]:
    return varied(ABOUT_PEOPLE, "group", [f"{word}{suffix}" for word in words])


def _repunctuated() -> list[Case]:
    return [
        Invariance((text, other))
        for text in PLAIN
        for other in (text.rstrip("."), text.lower(), f"{text[:-1]}!", f"{text[:-1]} .")
    ]


CAPABILITIES = (
    Capability(
        "plain words",
        some(
            [
                *right(True, filled("The {thing} is {word}.", thing=THINGS, word=GOOD)),
                *right(False, filled("The {thing} is {word}.", thing=THINGS, word=BAD)),
                *right(True, filled("I {word} this {thing}.", word=LIKE, thing=THINGS)),
                *right(False, filled("I {word} this {thing}.", word=DISLIKE[:2], thing=THINGS)),
            ]
        ),
    ),
    Capability("negation", some(_negated())),
    Capability("negated negatives", some(_negated_negatives())),
    Capability("contrast", some(_contrast())),
    Capability("then and now", some(_then_and_now())),
    Capability("my opinion against others'", some(_others())),
    Capability("questions answered", some(_questions())),
    Capability("intensifiers", some(_stronger())),
    Capability("names", varied(NAMED, "name", NAMES)),
    Capability("places", varied(PLACED, "place", PLACES)),
    Capability("numbers", varied(NUMBERED, "number", ["2", "3", "seven", "12", "20"])),
    Capability("typos", tuple(Invariance(pair) for pair in TYPOS)),
    Capability("contractions", tuple(Invariance(pair) for pair in CONTRACTED)),
    Capability("punctuation and case", tuple(_repunctuated())),
    Capability(
        "links and handles",
        tailed(PLAIN, " https://t.co/a1B2c3", " @somebody", " www.example.com/x?id=7"),
    ),
    Capability("nationality", _people(NATIONALITIES, " man"), protected=True),
    Capability("religion", _people(RELIGIONS, " woman"), protected=True),
    Capability("gender", _people(GENDERS), protected=True),
    Capability("ethnicity", _people(ETHNICITIES, " person"), protected=True),
)
