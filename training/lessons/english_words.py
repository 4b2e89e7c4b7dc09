"""The words of the English lessons. A list of tones is (negative, positive)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from training.lessons.grammar import Topic


def _list(words: str) -> list[str]:
    return [word.strip() for word in words.split(",")]


# Domain: (one of them, many of them, cannot be counted)
_NOUNS = {
    "food": (
        "meal, dinner, lunch, breakfast, pizza, burger, curry, steak, salad, soup, dessert, cake, "
        "sandwich, buffet, cocktail, menu, cheesecake, ramen bowl, brunch, espresso",
        "fries, noodles, tacos, dumplings, pancakes, drinks, starters, oysters, vegetables, snacks",
        "food, coffee, wine, beer, bread, sushi, pasta, seafood, chocolate, ice cream, tea, rice",
    ),
    "place": (
        "restaurant, hotel, room, cafe, bar, bakery, museum, park, beach, hostel, apartment, "
        "gym, spa, campsite, resort, shop, pub, market, zoo, cinema, theatre, airport, lounge, "
        "pool, lobby, garden, terrace, bathroom, neighbourhood, clinic, hospital, salon",
        "rooms, toilets, seats, gardens, suites",
        "accommodation, parking",
    ),
    "people": (
        "",
        "staff, waiters, flight attendants, pilots, nurses, doctors, drivers, guides, teachers, "
        "receptionists, mechanics, dentists, actors, hosts, cleaners, sales people, trainers, "
        "agents, couriers, lecturers, musicians, dancers, cooks, players",
        "cabin crew, crew, management, reception team, support team",
    ),
    "show": (
        "film, movie, series, show, book, novel, song, album, concert, play, musical, episode, "
        "documentary, comedy, thriller, sequel, soundtrack, plot, ending, story, script, festival, "
        "podcast, game, video game, cartoon, remake, exhibition, season finale, poem, performance, "
        "biography, cast, trailer, magazine, lecture, course, class, workshop, match",
        "dialogues, characters, special effects, lyrics, jokes, graphics, songs, lessons, stories",
        "acting, music, camera work, writing, animation, humour",
    ),
    "thing": (
        "phone, laptop, camera, tablet, watch, charger, kettle, toaster, blender, vacuum cleaner, "
        "pan, knife, chair, sofa, mattress, lamp, desk, backpack, suitcase, jacket, dress, shirt, "
        "sweater, coat, hat, tent, bike, car, printer, keyboard, mouse, monitor, router, speaker, "
        "television, microwave, fridge, dishwasher, washing machine, pillow, blanket, toy, guitar, "
        "drill, lawn mower, razor, perfume, shampoo, battery, screen, app, website, browser, "
        "update, stroller, coffee machine, air fryer, doll, umbrella, wallet, bracelet, adapter",
        "headphones, shoes, boots, jeans, socks, gloves, sunglasses, curtains, towels, batteries, "
        "earbuds, trousers, sandals, speakers, knives",
        "software, furniture, make-up, sunscreen, fabric, sound quality, battery life",
    ),
    "service": (
        "service, flight, airline, delivery, trip, tour, train ride, cruise, taxi ride, airline seat, "
        "check-in, booking, return, repair, transfer, holiday, haircut, massage, treatment, "
        "appointment, experience, wedding, party, visit, stay, connection, company, bank, insurance, "
        "internet provider, aircraft, cabin, helpline, warranty, journey, excursion",
        "prices, opening hours, support calls, flights, legroom and seats",
        "customer service, room service, boarding, advice, support, communication, packaging",
    ),
}

_SINGULAR = {
    "is": "is", "was": "was", "isnt": "isn't", "wasnt": "wasn't", "has": "has", "does": "does",
    "it": "it", "them": "it", "this": "this", "that": "that", "lacks_s": "lacks", "lacks": "lacks", "gets": "gets",
}  # fmt: skip
_PLURAL = {
    "is": "are", "was": "were", "isnt": "aren't", "wasnt": "weren't", "has": "have", "does": "do",
    "it": "they", "them": "them", "this": "these", "that": "those", "lacks_s": "lack", "lacks": "lack", "gets": "get",
}  # fmt: skip

# Who speaks: at the start of a clause, taken up again, in a question, as an object, with stress.
_SPEAKERS = [
    {"i": "I", "i_low": "I", "me": "me", "me_low": "I", "me_i": "I", "i2": "I"},
    {"i": "we", "i_low": "we", "me": "us", "me_low": "we", "me_i": "we", "i2": "we"},
    {"i": "I", "i_low": "I", "me": "me", "me_low": "I", "me_i": "I", "i2": "I"},
    {"i": "{us}", "i_low": "we", "me": "us", "me_low": "we", "me_i": "the two of us", "i2": "we"},
]


def _topics() -> list[Topic]:
    return [
        Topic(domain, {**forms, **speaker})
        for domain, (singular, plural, mass) in _NOUNS.items()
        for speaker in _SPEAKERS
        for forms in (
            *({"n": n, "art": "a ", **_SINGULAR} for n in _list(singular) if n),
            *({"n": n, "art": "", **_PLURAL} for n in _list(plural)),
            *({"n": n, "art": "", **_SINGULAR} for n in _list(mass)),
        )
    ]


TOPICS: Sequence[Topic] = _topics()

_GOOD = _list(
    "good, great, excellent, wonderful, lovely, amazing, fantastic, perfect, superb, brilliant, "
    "awesome, outstanding, terrific, marvellous, splendid, delightful, impressive, magnificent, "
    "first-class, first-rate, exceptional, fabulous, beautiful, pleasant, nice, fine, solid, "
    "remarkable, incredible, phenomenal, stunning, flawless, top-notch, charming, enjoyable, "
    "satisfying, refreshing, world-class, admirable, super, glorious, sublime, exquisite, "
    "faultless, spectacular, heavenly, adorable, cool, fun, likeable, memorable, unbeatable, "
    "stellar, extraordinary, five-star, excellent, praiseworthy, cheerful, appealing, stylish"
)
_BAD = _list(
    "bad, terrible, awful, horrible, disappointing, dreadful, poor, useless, lousy, appalling, "
    "atrocious, abysmal, pathetic, miserable, mediocre, disgusting, unacceptable, annoying, "
    "frustrating, dismal, horrendous, horrid, shoddy, shabby, substandard, inferior, laughable, "
    "ridiculous, unpleasant, nasty, crappy, worthless, disastrous, depressing, subpar, ghastly, "
    "deplorable, woeful, embarrassing, shameful, third-rate, irritating, hopeless, unsatisfying, "
    "infuriating, off-putting, tiresome, cheap and nasty, unbearable, hideous, vile, rotten, "
    "inadequate, second-rate, tedious, pitiful, lamentable, overpriced, rubbish"
)
_LIKE = _list(
    "love, like, enjoy, adore, recommend, appreciate, admire, value, treasure, praise, cherish, "
    "love, like, enjoy"
)
_HATE = _list(
    "hate, dislike, despise, detest, loathe, regret, abhor, dread, can't stand, resent, "
    "can't bear, hate, dislike"
)
_LIKED = _list(
    "loved, liked, enjoyed, adored, appreciated, admired, valued, praised, treasured, "
    "fell in love with, had a soft spot for, could not get enough of"
)
_HATED = _list(
    "hated, disliked, despised, detested, loathed, regretted, abhorred, couldn't stand, "
    "resented, couldn't bear, got sick of, had enough of"
)
_BASE_HATE = [word for word in _HATE if not word.startswith("can't")]

_FACTS_GOOD = [
    "it arrived a day early", "the staff went out of their way to help", "it still works like new",
    "they refunded me within the hour", "the kids ask for it every day", "I smiled the whole way home",
    "the bed was so soft that I slept like a baby", "they upgraded us for free", "I finished it in one sitting",
    "the crew brought us extra blankets without being asked", "the whole room applauded",
    "it fits like a glove", "my skin has never looked better", "the battery lasts for days",
    "the waiter remembered our names", "it saves me an hour a day", "the view took our breath away",
    "we ordered seconds", "support fixed it in two minutes", "it was spotless", "I have already ordered another",
    "we laughed until we cried", "the plates came back empty", "I bought one for each of my sisters",
    "it survived three winters", "they repaired it free of charge", "the driver waited for us in the rain",
    "we landed early and the bags were already there", "the doctor took the time to listen",
    "I learned more in a week than in a year of school", "the sound is crystal clear", "it smells divine",
    "the colours are just like in the picture", "the crowd sang along to every song",
    "we booked again before leaving", "it cost half as much as elsewhere and works twice as well",
    "the chef came out to greet us", "the bread was still warm from the oven", "it made my day",
    "the install took a minute", "the teacher answers every question", "my mother wears it every day",
    "they found my lost bag and brought it to the hotel", "I was moved to tears by the last chapter",
]  # fmt: skip
_FACTS_BAD = [
    "it arrived a week late", "the staff ignored us", "it broke after two days", "they kept my money",
    "the kids were bored within minutes", "I cried with anger the whole way home",
    "the bed was so hard that I slept on the floor", "they charged us twice", "I gave up after ten pages",
    "the crew snapped at us when we asked for water", "half the room walked out", "it came two sizes too small",
    "my skin burned for a week", "the battery dies before noon", "the waiter forgot half of our order",
    "it wastes an hour of my day", "the window faced a wall", "we left hungry",
    "support hung up on me", "there was mould on the walls", "I have already sent it back",
    "nobody laughed once", "the plates went back full", "I threw it in the bin",
    "it fell apart in the first rain", "they want money for a repair under warranty",
    "the driver left without us", "we landed four hours late and the bags were gone",
    "the doctor did not even look at me", "I learned nothing in a whole term", "the sound cuts out all the time",
    "it smells of burnt plastic", "the colours look nothing like the picture", "the singer forgot the words",
    "we checked out a day early", "it cost twice as much as elsewhere and works half as well",
    "there was a hair in my soup", "the bread was as hard as stone", "it ruined my day",
    "the app crashes every time I open it", "the teacher reads from the slides", "it went straight to the charity shop",
    "they lost my bag and never called back", "I fell asleep before the second half",
    "the zip jammed", "two buttons were missing", "I was on hold for an hour", "the milk was sour",
    "they cancelled without a word", "the room stank of smoke", "our seats were given to somebody else",
]  # fmt: skip

_VERDICTS_GOOD = [
    "I would go again in a heartbeat", "I can recommend it to anyone", "I am so glad I bought it",
    "I am more than satisfied", "we had a great time", "this is how it should be done",
    "it was money well spent", "I am a happy customer", "they have earned a customer for life",
    "it gets a full five stars from me", "I want more of this", "it is a joy", "it is a keeper",
    "I could not put it down", "it was worth the wait", "it is a must", "I am in love with it",
    "it won me over", "it was a treat", "it is a gem", "we will be back", "I was pleasantly surprised",
    "it made us happy", "it was a real pleasure", "it is a winner", "I am impressed",
    "it was a hit with the whole family", "I would buy it all over again", "it was a triumph",
]  # fmt: skip
_VERDICTS_BAD = [
    "I would not go there again", "I can only warn people about it", "I am so sorry I bought it",
    "I am anything but satisfied", "we had an awful time", "this is how it should not be done",
    "it was money down the drain", "I am an angry customer", "they have lost a customer for ever",
    "it gets a single star from me", "I want a refund", "it is a pain", "it went into the bin",
    "I could not finish it", "it was not worth the wait", "it is a rip-off", "I am sick of it",
    "it let me down", "it was a letdown", "it is a scam", "we will not be back", "I was bitterly disappointed",
    "it made us angry", "it was a real torture", "it is a failure", "I feel cheated",
    "it was a disaster for the whole family", "I would never buy it again", "it was a flop",
]  # fmt: skip
_SHORT_GOOD = [
    "loved it", "love it", "love love love", "highly recommended", "would buy again", "so happy", "best ever",
    "simply the best", "well done", "great job", "10 out of 10", "thumbs up", "a pleasure", "pure joy", "top",
    "works like a charm", "exactly what I needed", "very happy", "go see it", "a must see", "good stuff",
    "what a treat", "no regrets", "spot on", "nailed it", "hats off", "a masterpiece", "bravo", "chef's kiss",
    "five stars", "good value", "great fun", "so good", "all good", "it rocks", "as good as it gets",
]  # fmt: skip
_SHORT_BAD = [
    "hated it", "hate it", "no no no", "not recommended", "would not buy again", "so angry", "worst ever",
    "simply the worst", "shame on you", "what a joke", "0 out of 10", "thumbs down", "a nightmare",
    "pure torture", "yuck", "does not work", "not what I ordered", "very unhappy", "skip it", "a must avoid",
    "total junk", "what a mess", "big regret", "way off", "they blew it", "never again", "a disaster", "boo",
    "total rip-off", "one star", "bad value", "no fun", "so bad", "all wrong", "it sucks", "as bad as it gets",
    "garbage", "utter rubbish", "waste of time", "what a shame", "do not buy",
]  # fmt: skip

WORDS: Mapping[str, Sequence[str]] = {
    "n": _list(
        "lighting, location, price, packaging, view, weather, music, entrance, colour, design, "
        "website, start, first half, middle part, cover, wrapping, decor, parking, queue, box, "
        "opening scene, advert, manual, title, logo, side dish, wifi, furniture, drive there"
    ),
    "was": ["was"],
    "the": ["the", "the", "{this}", "the", "{that}"],
    "us": _list(
        "my wife and I, my husband and I, my friends and I, {name} and I, my sister and I, my son and "
        "I, my colleagues and I, my mum and I, my partner and I, the kids and I"
    ),
    "i_only": ["I", "I always"],
    "i_not": ["I disagree", "I don't agree", "I see it differently", "I beg to differ"],
    "very": [
        "",
        "",
        "",
        "",
        "really",
        "so",
        "absolutely",
        "truly",
        "just",
        "simply",
        "totally",
        "honestly",
        "incredibly",
        "completely",
        "utterly",
    ],
    "verystrong": _list(
        "really, so, absolutely, incredibly, extremely, unbelievably, insanely, ridiculously, "
        "super, truly, very very, exceptionally, totally, amazingly, shockingly, seriously, "
        "quite simply, utterly, completely, so very"
    ),
    "verylike": _list("really, truly, absolutely, totally, definitely, honestly, just"),
    "much": _list("so much, very much, a lot, with all my heart, more every day, to the core"),
    "little": _list("a bit, a little, rather, fairly, somewhat, quite, kind of, pretty, slightly"),
    "atall": [
        "",
        "",
        " at all",
        " at all",
        " in the least",
        " in any way",
        " by any measure",
        " in my eyes",
        " one bit",
        " whatsoever",
    ],
    "far": _list("far from, nowhere near, not even close to, a long way from, the opposite of"),
    "filler": [
        "to be honest",
        "frankly",
        "if you ask me",
        "all things considered",
        "given what I paid",
        "after all the time I have spent with it",
        "for a {weekday}",
        "in all these years",
        "considering that it was {month}",
        "having tried {num} others",
        "as far as I can tell",
        "and I have been to {city} often",
        "after {num} {period}s",
        "whatever the weather",
        "speaking as somebody from {city}",
        "given that {name} chose it",
        "by the way",
        "and I mean that",
        "looking back",
        "now that I think of it",
        "in my opinion",
        "taking everything into account",
        "between you and me",
        "having come all the way from {city}",
    ],
    "could": ["could", "would", "can"],
    "never": ["never", "have never", "never once"],
    "there": ["you will find no", "I saw no", "I found no", "we found no", "there was no sign of"],
    "although": ["although", "though", "even though", "despite the fact that"],
    "however": ["however", "still", "nevertheless", "even so", "all the same"],
    "butnot": [
        "but {it} {wasnt}",
        "but no",
        "but {it} {wasnt} at all",
        "but far from it",
        "but that was not the case",
        "and I was wrong",
        "but the opposite was true",
    ],
    "compared": [
        "I expected",
        "the old one",
        "the last one",
        "what my friends have",
        "all the others",
        "in the advert",
        "{name}'s",
        "the one in {city}",
        "I remembered",
        "the first one",
        "at home",
        "last year",
        "people say",
        "the competition",
    ],
    "then": [
        "last year",
        "in {year}",
        "years ago",
        "before",
        "back then",
        "when I was younger",
        "{num} years ago",
        "a while ago",
        "earlier",
        "as a child",
        "before the renovation",
    ],
    "now": [
        "now",
        "these days",
        "today",
        "nowadays",
        "this year",
        "since {month}",
        "lately",
        "in {year}",
        "at the moment",
    ],
    "first": [
        "at first",
        "in the beginning",
        "initially",
        "to begin with",
        "for the first {period}",
        "on the first day",
        "early on",
    ],
    "finally": [
        "in the end",
        "but in the end",
        "but by the end",
        "but later",
        "eventually",
        "but after {num} {period}s",
    ],
    "others": [
        "critics",
        "the critics",
        "the reviews",
        "my friends",
        "other people",
        "most people",
        "some people",
        "many",
        "my parents",
        "the neighbours",
        "my colleagues",
        "all my friends",
        "people online",
        "the papers",
        "my brothers",
        "other customers",
        "the others",
        "fans",
        "my children",
        "experts",
        "bloggers",
        "the judges",
        "my {someone} friends",
    ],
    "say": ["say", "think", "claim", "believe", "insist", "keep saying", "write that", "find that"],
    "they": ["they are", "they're", "and they are", "I have to admit they are"],
    "wrong": [
        "they are wrong",
        "that is nonsense",
        "I couldn't disagree more",
        "not true",
        "they must have seen another one",
        "I don't agree at all",
        "not for me",
    ],
    "tome": [
        "to me",
        "for me",
        "in my opinion",
        "I think",
        "in my eyes",
        "if you ask me,",
        "I find",
        "personally I think",
        "my own view is that",
    ],
    "whatever": ["whatever", "no matter what", "I don't care what"],
    "yes": [
        "yes",
        "yes",
        "yep",
        "of course",
        "absolutely",
        "definitely",
        "certainly",
        "yes, very",
        "oh yes",
        "sure",
        "it is true",
        "without a doubt",
        "totally",
        "I do think so",
        "very much so",
        "yes indeed",
    ],
    "no": [
        "no",
        "no",
        "nope",
        "not at all",
        "absolutely not",
        "never",
        "not really",
        "no way",
        "certainly not",
        "not in the least",
        "oh no",
        "no, not one bit",
        "by no means",
        "of course not",
        "far from it",
        "I don't think so",
        "not a chance",
    ],
    "yes_low": ["yes", "yes, it is", "absolutely", "of course"],
    "no_low": ["no", "no, not at all", "absolutely not", "not in the least"],
    "again": [
        "do it again",
        "go there again",
        "buy it again",
        "recommend it",
        "try it",
        "pick it again",
        "tell your friends to go",
        "come here",
        "choose it a second time",
        "book the same thing again",
        "watch it twice",
    ],
    "worth": [
        "worth it",
        "worth the money",
        "worth the trip",
        "worth the price",
        "worth your time",
        "worth a visit",
        "worth {num} {coin}s",
        "any good",
        "worth queuing for",
        "worth the fuss",
        "as good as they say",
    ],
    "help": [
        "make {me} happy",
        "do its job",
        "do what it promised",
        "keep its promise",
        "work in the end",
        "work as described",
        "live up to its name",
        "win {me} over",
    ],
    "happy_q": [
        "happy with it",
        "am I satisfied",
        "was everything all right",
        "did it work",
        "did they help",
        "did we feel welcome",
        "would I pay for it again",
        "glad I came",
        "a good buy",
        "did it arrive in one piece",
        "should you go",
        "did we have fun",
    ],
    "trouble_q": [
        "any regrets",
        "any problems",
        "any complaints",
        "anything to complain about",
        "was there any trouble",
        "any defects",
        "was I let down",
        "did I feel cheated",
        "did it fail",
        "would I rather have stayed at home",
        "a mistake",
        "did we get sick",
    ],
    "when": [
        "on day {num}",
        "on {weekday}",
        "after {num} {period}s",
        "in {month}",
        "this morning",
        "last night",
        "in {city}",
        "once more",
        "yesterday",
        "on our holiday",
        "on the {num}th",
    ],
    "wow": [
        "great",
        "just great",
        "wonderful",
        "brilliant",
        "well done",
        "perfect",
        "fantastic",
        "thanks a lot",
        "congratulations",
        "amazing",
        "wow",
        "bravo",
        "nice",
        "lovely",
        "nice job",
        "excellent",
        "good work",
        "thank you {name}",
    ],
    "wow_low": ["great", "wonderful", "brilliant", "perfect", "fantastic", "lovely", "nice"],
    "thing": _list(
        "film, meal, flight, book, trip, phone, hotel, room, concert, game, course, show, coffee, "
        "app, car, pizza, airline, restaurant, song, series, doctor, party, museum, shop, service"
    ),
    "plural": _list(
        "films, meals, flights, books, trips, phones, hotels, rooms, concerts, games, courses, "
        "shows, coffees, apps, cars, pizzas, airlines, restaurants, songs, beaches, museums, cafes"
    ),
    "have_seen": [
        "have ever had",
        "ever had",
        "have come across",
        "ever came across",
        "have had in years",
        "ever tried",
        "have tried so far",
        "had all year",
    ],
    "period": _list("day, week, month, year, hour"),
    "unit": _list("minute, page, day, moment, bite, second, chapter, note, scene, hour"),
    "coin": _list("penny, cent, dollar, euro, pound, dime"),
    "num": _list(
        "2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 15, 18, 20, 24, 30, 40, 45, 60, 90, 100, "
        "two, three, four, five, six, seven, eight, ten, twelve"
    ),
    "year": [str(year) for year in range(1985, 2026)],
    "flight": [
        f"{letters}{number}"
        for letters in ("BA", "KE", "LH", "no. ", "#", "AF ", "UA")
        for number in (12, 47, 118, 203, 455, 671, 899, 1024, 2218, 5307)
    ],
    "weekday": _list("Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday"),
    "month": _list(
        "January, February, March, April, May, June, July, August, September, October, "
        "November, December"
    ),
    "city": _list(
        "London, Paris, Berlin, Madrid, Rome, Vienna, Prague, Warsaw, Oslo, Athens, Dublin, Cairo, "
        "Lagos, Accra, Tunis, Cape Town, Istanbul, Dubai, Tehran, Baghdad, Mumbai, Delhi, Karachi, "
        "Dhaka, Bangkok, Hanoi, Manila, Jakarta, Seoul, Daegu, Tokyo, Osaka, Beijing, Shanghai, "
        "Taipei, Sydney, Perth, Auckland, Toronto, Montreal, Chicago, Boston, Dallas, Miami, "
        "Detroit, Seattle, Texas, Florida, Utah, Mexico City, Lima, Quito, Santiago, Buenos Aires, "
        "Rio, Havana, Kingston, Kyiv, Moscow, Tbilisi, Jerusalem, Beirut, Amman, Kabul, Glasgow, "
        "Bristol, Manchester, Leipzig, Lyon, Porto, Seville, Naples, Zurich, Ghent, Malmö, Turku"
    ),
    "name": _list(
        "James, Mary, Robert, Linda, Michael, Susan, David, Karen, Daniel, Emma, Sophie, Lucas, "
        "Hannah, Jacob, Emily, Ethan, Chloe, Ahmed, Fatima, Omar, Aisha, Yusuf, Leila, Hassan, "
        "Amina, Ibrahim, Wang, Li Na, Jin, Mei, Hiroshi, Yuki, Kenji, Minjun, Jisoo, Seoyeon, Raj, "
        "Anjali, Vikram, Deepa, Arjun, Lakshmi, Jamal, Latoya, DeShawn, Ebony, Tyrone, Imani, "
        "Carlos, Maria, Juan, Lucia, Diego, Camila, José, Valentina, Ivan, Olga, Dmitri, Natasha, "
        "Piotr, Agnieszka, Giulia, Marco, Pierre, Amélie, Hans, Greta, Sven, Ingrid, Chidi, Ngozi, "
        "Kwame, Abena, Thabo, Zanele, David Cohen, Rivka, Moshe, Noa, Mr Brown, Mrs Okafor, Dr Kim, "
        "Ms Nguyen, Tom, Jerry, Alex, Sam, Robin, Taylor"
    ),
    "desk": _list(
        "front desk, counter, next table, gate, hotel, school, clinic, office, till, bar"
    ),
    "job": _list(
        "waiter, nurse, doctor, driver, teacher, guide, chef, cleaner, plumber, actor, host, "
        "receptionist, cashier, pilot, flight attendant, barber, neighbour, landlord, mechanic, "
        "lawyer, dentist, engineer, manager, singer, police officer"
    ),
    "person": _list(
        "man, woman, couple, family, student, colleague, neighbour, tourist, waiter, "
        "nurse, teacher, guest, family, driver, lady, gentleman, kid, boss"
    ),
    "someone": [
        "{nat} {person}",
        "{nat} {job}",
        "{rel} {person}",
        "{rel} {job}",
        "{eth} {person}",
        "{eth} {job}",
        "{orient} {person}",
        "{orient} {job}",
        "{gender}",
        "{gender}",
        "{age} {person}",
        "{disab} {person}",
        "{gender} from {city}",
        "{believer}",
        "{believer}",
    ],
    "nat": _list(
        "American, British, English, Scottish, Irish, Welsh, Canadian, Mexican, Cuban, Jamaican, "
        "Haitian, Brazilian, Argentinian, Chilean, Peruvian, Colombian, Venezuelan, Ecuadorian, "
        "French, German, Austrian, Swiss, Dutch, Belgian, Danish, Swedish, Norwegian, Finnish, "
        "Icelandic, Polish, Czech, Slovak, Hungarian, Romanian, Bulgarian, Serbian, Croatian, "
        "Greek, Turkish, Italian, Spanish, Portuguese, Russian, Ukrainian, Georgian, Armenian, "
        "Israeli, Palestinian, Lebanese, Syrian, Iraqi, Iranian, Saudi, Egyptian, Moroccan, "
        "Algerian, Tunisian, Nigerian, Ghanaian, Kenyan, Ethiopian, Somali, South African, Indian, "
        "Pakistani, Bangladeshi, Sri Lankan, Nepali, Afghan, Chinese, Taiwanese, Japanese, Korean, "
        "North Korean, Mongolian, Vietnamese, Thai, Filipino, Indonesian, Malaysian, Cambodian, "
        "Burmese, Australian, New Zealand, Samoan, Albanian, Lithuanian, Congolese, Sudanese"
    ),
    "rel": _list(
        "Christian, Catholic, Protestant, Orthodox, Baptist, Mormon, Muslim, Sunni, Shia, Jewish, "
        "Hindu, Sikh, Buddhist, Taoist, Jain, atheist, agnostic, Quaker, Baha'i, pagan, Evangelical"
    ),
    "believer": _list(
        "Christian, Catholic, Protestant, Baptist, Mormon, Muslim, Jew, Hindu, Sikh, Buddhist, "
        "Taoist, atheist, agnostic, Quaker, pagan, priest, imam, rabbi, nun, monk, pastor"
    ),
    "eth": _list(
        "Black, white, Asian, Latino, Hispanic, Arab, Indigenous, Native American, African American, "
        "Asian American, Caucasian, Roma, Kurdish, Maori, Aboriginal, Inuit, Berber, Tamil, Punjabi, "
        "Uyghur, Pacific Islander, mixed-race, biracial, Middle Eastern, South Asian, Caribbean, brown"
    ),
    "orient": _list(
        "gay, lesbian, straight, bisexual, queer, transgender, trans, non-binary, "
        "heterosexual, homosexual, asexual, intersex"
    ),
    "gender": _list(
        "man, woman, boy, girl, gentleman, lady, gay man, lesbian, gay couple, lesbian couple, "
        "trans woman, trans man, transgender man, transgender woman, straight man, straight woman, "
        "bisexual man, bisexual woman, queer person, non-binary person, drag queen, mother, father, "
        "housewife, bachelor, grandmother, grandfather, widow, transgender teacher, feminist"
    ),
    "age": _list(
        "young, old, elderly, middle-aged, teenage, 20-year-old, 45-year-old, 80-year-old, "
        "retired, younger, older"
    ),
    "disab": _list(
        "disabled, blind, deaf, autistic, wheelchair-using, dyslexic, short, tall, fat, "
        "thin, pregnant, homeless, immigrant, refugee, vegan, veteran"
    ),
    "flaw": _list(
        "faults, flaws, problems, weaknesses, defects, drawbacks, mistakes, weak points, errors, "
        "bugs, downsides, cause for complaint"
    ),
    "virtue": _list(
        "charm, quality, value, class, merit, style, appeal, substance, soul, warmth, "
        "redeeming features, good points"
    ),
    "fail": _list("disappoint, let me down, fail, annoy me, bore me, let us down, cause trouble"),
    "succeed": _list(
        "impress me, please me, convince me, work, make us happy, win me over, keep its promise"
    ),
    "better": _list("better, nicer, lovelier, finer, more enjoyable, more pleasant"),
    "worse": _list("worse, more annoying, uglier, sloppier, more unpleasant, more tedious"),
    "happier": _list("happier, more satisfied, more pleased, more delighted, prouder"),
    "sadder": _list("more disappointed, angrier, unhappier, more let down, more upset"),
    "no_fault": _list(
        "no complaints, no complaints whatsoever, nothing to complain about, nothing to dislike, "
        "can't complain, no regrets, nothing bad to say, not a single bad word to say, "
        "no issues, nothing to criticise, no problems, nothing went wrong"
    ),
    "no_praise": _list(
        "no praise from me, nothing to like, nothing good to say, not a single good word to say, "
        "no pleasure, no joy, nothing to recommend, no redeeming features, "
        "nothing worked, no fun, nothing nice to report, nothing went right"
    ),
    "setting": [
        "we went there on a {weekday} in {month}",
        "I bought it in {city}",
        "ordered it on {weekday}",
        "{name} came along",
        "we flew from {city} to {city2}",
        "we stayed for {num} nights in {city}",
        "there were {num} of us",
        "it was {name}'s birthday",
        "we met {name} and {name2} there",
        "I read about it in {month} {year}",
        "it is near {city}",
        "it was our {num}th visit",
        "I have had it for {num} {period}s",
        "{name} booked it for us",
        "my order number was {flight}",
        "I was on flight {flight} with {name}",
        "our room was number {num}",
        "seat {num}A to {city}",
        "{name} gave it to me in {year}",
        "I am writing this from {city}",
        "it took {num} minutes to get there",
        "we drove {num} miles from {city}",
        "I am {num} years older than {name}",
        "it was made in {city}",
        "the author lives in {city}",
        "the hero is called {name}",
        "it is set in {city} in {year}",
    ],
    "deed_by": [
        "{name} at the {desk}",
        "{name} from {city}",
        "{name}, our {job},",
        "the {job} in {city}",
        "our {job} {name}",
        "Room {num}'s {job}",
        "the {job}, {name},",
    ],
    "neutral": [
        "my review",
        "{name} in {city}",
        "the {n} arrived",
        "just got home from {city}",
        "{weekday}",
        "{setting}",
        "see you in {city}",
        "the {n} in {city}",
        "{n} and {n2}",
    ],
}

_MARKS = (
    _list(":(, :-(, 😡, 👎, 💔, 😠, 🤮, 😤, >:(, :/, 😞, 🤢, ☹️, D:, 🙄, 😒, 👎👎👎, :(((, 😣, =("),
    _list(
        ":), :-), 😊, 👍, ❤️, 😍, 🥰, 😀, :D, <3, 🎉, 👏, 😁, ;), ⭐⭐⭐⭐⭐, 👍👍👍, :))), 💖, 🤩, =)"
    ),
)

TONES: Mapping[str, tuple[Sequence[str], Sequence[str]]] = {
    "adj": (_BAD, _GOOD),
    "adj@food": (
        _list("bland, tasteless, soggy, greasy, cold, burnt, stale, undercooked, inedible, overcooked"),
        _list("delicious, tasty, fresh, yummy, mouth-watering, flavourful, scrumptious, delectable"),
    ),
    "adj@place": (
        _list("dirty, filthy, noisy, cramped, smelly, run-down, overcrowded, gloomy, damp, unwelcoming"),
        _list("clean, spotless, cosy, peaceful, welcoming, spacious, comfortable, inviting, well-kept"),
    ),
    "adj@people": (
        _list("rude, unfriendly, arrogant, incompetent, unhelpful, impolite, clueless, dishonest, lazy"),
        _list("friendly, kind, helpful, polite, competent, attentive, warm-hearted, courteous, honest"),
    ),
    "adj@show": (
        _list("boring, predictable, dull, pointless, pretentious, clumsy, lifeless, shallow, tedious, lame"),
        _list("gripping, touching, moving, funny, clever, captivating, thrilling, heartwarming, witty"),
    ),
    "adj@thing": (
        _list("flimsy, broken, faulty, defective, unreliable, ugly, buggy, unusable, clunky, cheaply made"),
        _list("sturdy, reliable, well-made, handy, durable, elegant, useful, practical, high-quality"),
    ),
    "adj@service": (
        _list("chaotic, unreliable, stressful, careless, disorganised, unprofessional, unhelpful"),
        _list("smooth, reliable, professional, flawless, prompt, well-organised, efficient, relaxing"),
    ),
    # Words that are still blame or praise when they are denied: "not bad", "not good".
    "mild": (
        _list("bad, terrible, awful, horrible, disappointing, dreadful, poor, useless, annoying, "
              "unpleasant, lousy, frustrating, disgusting, pathetic, irritating, horrid, nasty, "
              "appalling, overpriced, rubbish, tiresome, unbearable, depressing, shoddy"),
        _list("good, great, nice, pleasant, impressive, enjoyable, satisfying, fine, excellent, "
              "wonderful, fun, appealing, likeable, decent, lovely, special, brilliant, amazing, "
              "perfect, delightful, solid, acceptable, convincing, memorable"),
    ),
    "side": (
        _list("bad, terrible, awful, disappointing, poor, lousy, annoying, mediocre, dreadful, horrible, "
              "unpleasant, ridiculous, dull, ugly"),
        _list("good, great, nice, fine, lovely, excellent, wonderful, amazing, impressive, brilliant, "
              "pleasant, beautiful, superb, perfect"),
    ),
    "mild@food": (_list("bland, stale, greasy, soggy, tasteless"), _list("tasty, fresh, delicious, edible")),
    "mild@place": (_list("dirty, noisy, smelly, cramped"), _list("clean, comfortable, cosy, welcoming")),
    "mild@people": (_list("rude, unfriendly, unhelpful, arrogant"), _list("friendly, helpful, polite, kind, competent")),
    "mild@show": (_list("boring, dull, predictable, lame, tedious"), _list("funny, exciting, original, interesting, clever, touching")),
    "mild@thing": (_list("flimsy, unreliable, ugly, buggy"), _list("sturdy, reliable, useful, well-made, handy")),
    "mild@service": (_list("chaotic, stressful, unreliable, careless"), _list("reliable, smooth, professional, helpful, efficient")),
    "adj_you": (
        _list("terrible, awful, horrible, rude, useless, pathetic, incompetent, disgusting, "
              "unbearable, the worst, unhelpful, a disgrace, dishonest, a liar, mean, hopeless"),
        _list("amazing, wonderful, great, kind, awesome, brilliant, a star, the best, lovely, "
              "adorable, so helpful, a legend, exceptional, admirable, generous, fantastic"),
    ),
    "like": (_HATE, _LIKE),
    "like_p": (_HATE, _LIKE),
    "like_b": (_BASE_HATE, _LIKE),
    "like_s": (
        _list("hates, dislikes, despises, detests, loathes, regrets, can't stand"),
        _list("loves, likes, enjoys, adores, recommends, appreciates, admires"),
    ),
    "liked": (_HATED, _LIKED),
    "fact": (_FACTS_BAD, _FACTS_GOOD),
    "event": (_FACTS_BAD, _FACTS_GOOD),
    "verdict_c": (_VERDICTS_BAD, _VERDICTS_GOOD),
    "verdict_i": (_VERDICTS_BAD, _VERDICTS_GOOD),
    "verdict": (_VERDICTS_BAD + _SHORT_BAD + _SHORT_BAD, _VERDICTS_GOOD + _SHORT_GOOD + _SHORT_GOOD),
    "long": (
        _list("boring, annoying, disappointing, unpleasant, embarrassing, frustrating, irritating, "
              "useless, pointless, miserable, depressing, disgusting, pathetic, ridiculous, tedious"),
        _list("beautiful, wonderful, enjoyable, delightful, impressive, exciting, charming, amazing, "
              "incredible, interesting, pleasant, brilliant, memorable, refreshing, extraordinary"),
    ),
    # What "never" and "once" may stand before.
    "loved": (
        _list("hated, disliked, despised, detested, loathed, regretted, resented"),
        _list("loved, liked, enjoyed, adored, appreciated, admired, trusted"),
    ),
    "love": (
        _list("hate, dislike, despise, detest, regret, resent"),
        _list("love, like, enjoy, appreciate, admire, trust, value"),
    ),
    "stars": (
        _list("one star, 1 star, zero stars, 1/5, 1 out of 10, 0/10, 2/10, an F, a big fat zero"),
        _list("five stars, 5 stars, ten stars, 5/5, 10 out of 10, 10/10, 9/10, an A+, full marks"),
    ),
    "mood": (
        _list("angry, unhappy, furious, sad, frustrated, miserable, annoyed, disappointed, speechless with anger, disgusted"),
        _list("happy, delighted, thrilled, cheerful, satisfied, smiling, relaxed, overjoyed, grateful, speechless with joy"),
    ),
    "deed": (
        [
            "was rude to all of us", "shouted at my mother", "cheated us", "made us wait for hours",
            "ruined our evening", "lied to me", "refused to help", "overcharged me", "ignored us",
            "never called back", "broke my glasses and laughed", "treated us badly", "lost my papers",
            "was unbearable", "did a terrible job", "was mean to the children", "let us down",
            "spoiled the party", "insulted my friend", "did not care about us",
        ],
        [
            "was kind to all of us", "cheered up my mother", "looked after us", "saved us hours",
            "made our evening", "was honest with me", "helped at once", "gave me a discount",
            "welcomed us", "called back right away", "fixed my glasses and smiled", "treated us well",
            "found my papers", "was adorable", "did a wonderful job", "was sweet to the children",
            "saved the day", "lit up the party", "comforted my friend", "really cared about us",
        ],
    ),
    "ans": (
        _list("no, nope, not at all, never, sadly not, not really, absolutely not, no way, hardly, "
              "not a chance, certainly not, unfortunately not, never again, I don't think so, "
              "definitely not, by no means, forget it, not for me"),
        _list("yes, yep, absolutely, of course, definitely, certainly, oh yes, sure, any time, "
              "without a doubt, very much so, yes please, you bet, in a heartbeat, yes indeed, "
              "totally, every time, happily"),
    ),
    "ans_s": (
        _list("no, nope, not at all, never, sadly not, not really, absolutely not, certainly not, "
              "unfortunately not, definitely not, no way, I'm afraid not, not even close"),
        _list("yes, yep, absolutely, of course, definitely, certainly, oh yes, sure, and how, "
              "without a doubt, very much so, you bet, yes indeed, totally"),
    ),
    "ans_r": (
        _list("yes, yep, sadly yes, plenty, lots, of course, oh yes, unfortunately yes, absolutely, "
              "definitely, certainly, yes indeed, you bet"),
        _list("no, nope, none, none at all, not one, absolutely not, never, of course not, "
              "not at all, not in the least, no way, certainly not"),
    ),
    "mark": _MARKS,
    # These come with both tones: alone they say nothing.
    "weak_mark": (_list("😂, 😭, lol, haha, omg, 😅, 🤣, wow, !!, tbh, smh, btw"),) * 2,
}  # fmt: skip
