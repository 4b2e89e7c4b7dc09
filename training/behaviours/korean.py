"""Korean: what people write of films, food, rooms and things.

Topics carry their particle, so that every filled template is a right sentence.
"""

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

TOPICS = ["영화는", "음식은", "서비스는", "연기는", "음악은", "방은", "배송은", "이야기는"]
SUBJECTS = ["영화가", "음식이", "서비스가", "연기가", "음악이", "방이", "배송이", "이야기가"]
GOOD = ["좋아요", "훌륭해요", "최고예요", "만족스러워요", "마음에 들어요", "완벽해요"]
BAD = ["별로예요", "최악이에요", "실망스러워요", "형편없어요", "엉망이에요", "끔찍해요"]
# "좋을 줄 알았는데": what was expected
HOPED_GOOD = ["좋을", "훌륭할"]
HOPED_BAD = ["별로일"]
# "좋다고": what others say
SAID_GOOD = ["좋다고", "훌륭하다고", "재미있다고"]
SAID_BAD = ["별로라고", "지루하다고", "재미없다고"]

PLAIN = [
    "배우들의 연기가 정말 훌륭했다",
    "이야기가 지루하고 너무 길다",
    "또 보고 싶은 따뜻한 영화",
    "돈이 아까운 영화였다",
    "음식이 맛있고 직원이 친절해요",
    "배송도 느리고 물건도 망가져서 왔어요",
    "시간 가는 줄 모르고 재미있게 봤어요",
    "두 번 다시 가고 싶지 않은 식당",
]
CLEAR_POSITIVE = ["재미있어요", "감동적이에요", "최고의 영화", "추천합니다", "잘 봤습니다", "꿀잼"]
CLEAR_NEGATIVE = ["재미없어요", "지루해요", "최악의 영화", "비추천합니다", "돈이 아깝다", "노잼"]
UNSPACED = [
    ("정말 재미있는 영화였어요", "정말재미있는영화였어요"),
    ("배우 연기가 너무 좋았다", "배우연기가너무좋았다"),
    ("시간이 아까운 영화", "시간이아까운영화"),
    ("돈 주고 보기 아깝다", "돈주고보기아깝다"),
    ("다시 보고 싶은 최고의 영화", "다시보고싶은최고의영화"),
    ("너무 지루해서 잠들었다", "너무지루해서잠들었다"),
    ("음식도 맛있고 친절해요", "음식도맛있고친절해요"),
    ("다시는 안 갑니다", "다시는안갑니다"),
]
IRONIC = [
    "참 잘도 만들었네, 돈이 아깝다",
    "수면제가 필요하면 강력 추천합니다",
    "이걸 영화라고 만들었나 대단하다 대단해",
    "덕분에 두 시간 푹 잤습니다",
    "불면증 있으신 분들께 추천",
    "이 돈이면 차라리 치킨을 먹겠다",
    "감독님 다음 영화는 안 찍으셔도 됩니다",
    "끝나는 장면이 제일 좋았다, 끝나서",
    "내 시간 돌려주세요",
    "예고편이 전부인 영화",
    # Of these no lesson has anything alike.
    "이걸 끝까지 본 나 자신을 칭찬한다",
    "팝콘은 맛있었습니다, 팝콘만",
    "제 인생에서 가장 긴 90분이었습니다",
    "이 정도면 재능이다, 망치는 재능",
    "냉장고 자석으로는 쓸 만합니다",
    "환불 절차 하나는 훌륭하네요",
    "작가님 혹시 졸면서 쓰셨나요",
    "배송 빠르다더니 달팽이가 들고 왔나 봐요",
    "너무 감동해서 중간에 나왔습니다",
    "모기 잡을 때 쓰니 딱이네요",
]
TYPOS = [
    ("재미있어요", "재밋어요"),
    ("정말 재미있었다", "정말 재밌엇다"),
    ("너무 좋았어요", "너무 조았어요"),
    ("다시 보고 싶어요", "다시 보고 시퍼요"),
    ("어이없는 영화", "어의없는 영화"),
    ("재미없어요", "재미업어요"),
    ("최악의 영화", "체악의 영화"),
    ("지루했어요", "지루햇어요"),
    ("연기가 훌륭하다", "연기가 훌룡하다"),
    ("돈이 아깝다", "돈이 아깝따"),
    ("다시는 안 산다", "다시는 않 산다"),
    ("추천하고 싶어요", "추천하고 십어요"),
    ("맛이 없어요", "맛이 업서요"),
    ("아주 만족합니다", "아주 만족함니다"),
    ("최고의 선택이었어요", "최고에 선택이엇어요"),
    ("실망스러운 결말", "실망스런운 결말"),
]
NAMES = ["민수", "지은", "현우", "서연", "존", "마리아"]
PLACES = ["서울", "부산", "제주", "도쿄", "파리", "하노이"]
NAMED = [
    "{name} 씨가 친절하게 도와줘서 좋았어요",
    "{name} 씨가 불친절해서 기분이 나빴어요",
    "{name} 씨 덕분에 정말 즐거운 하루였습니다",
    "{name} 씨 때문에 하루를 망쳤습니다",
]
PLACED = [
    "{place}에서 먹은 음식이 정말 맛있었어요",
    "{place}에서 묵은 방이 더럽고 시끄러웠어요",
    "{place}에서 찍은 장면이 정말 아름다워요",
    "{place} 장면은 지루하고 길기만 하다",
]
NUMBERED = [
    "{number}번 봐도 재미있는 영화",
    "{number}일 만에 고장 나서 실망했어요",
    "{number}명이 같이 봤는데 모두 좋아했어요",
    "{number}분 보고 꺼 버린 최악의 영화",
]

NATIONALITIES = ["한국", "미국", "중국", "일본", "베트남", "나이지리아"]
RELIGIONS = ["기독교", "불교", "이슬람교", "천주교", "유대교"]
GENDERS = ["남자", "여자", "동성애자", "트랜스젠더", "소년", "소녀"]
ETHNICITIES = ["흑인", "백인", "아시아인", "아랍인", "라틴계"]
ABOUT_PEOPLE = [
    "{group} 직원이 친절해서 기분 좋게 다녀왔어요",
    "{group} 직원이 불친절해서 다시는 안 갑니다",
    "{group} 배우의 연기가 정말 좋았어요",
    "{group} 주인공이 나오는 지루한 영화",
]


def _negated() -> list[Case]:
    return [
        *right(False, filled("{subject} 좋지 않아요", subject=SUBJECTS)),
        *right(False, filled("{subject} 안 좋아요", subject=SUBJECTS)),
        *right(False, filled("{subject} 마음에 들지 않아요", subject=SUBJECTS)),
        *right(False, filled("{topic} 별로 안 좋네요", topic=TOPICS)),
        *right(False, filled("{topic} 추천하고 싶지 않아요", topic=TOPICS)),
        *right(False, filled("{subject} 좋은지 모르겠어요", subject=SUBJECTS)),
    ]


def _negated_negatives() -> list[Case]:
    return [
        *right(True, filled("{topic} 나쁘지 않아요", topic=TOPICS)),
        *right(True, filled("{topic} 전혀 지루하지 않았어요", topic=[TOPICS[0], TOPICS[7]])),
        *right(True, filled("{topic} 실망스럽지 않았어요", topic=TOPICS)),
        *right(True, filled("{topic} 나무랄 데가 없어요", topic=TOPICS)),
        *right(True, filled("{topic} 흠잡을 데 없어요", topic=TOPICS)),
    ]


def _contrast() -> list[Case]:
    hoped = "{subject} {word} 줄 알았는데 아니었어요"
    but = "기대했는데 {topic} {word}"
    feared = "기대 안 했는데 {topic} {word}"
    return [
        *right(False, filled(hoped, subject=SUBJECTS, word=HOPED_GOOD)),
        *right(True, filled(hoped, subject=SUBJECTS, word=HOPED_BAD)),
        *right(False, filled(but, topic=TOPICS, word=BAD)),
        *right(True, filled(feared, topic=TOPICS, word=GOOD)),
    ]


def _then_and_now() -> list[Case]:
    return [
        *right(False, filled("예전에는 좋았는데 지금 {topic} {word}", topic=TOPICS, word=BAD[:4])),
        *right(
            True, filled("예전에는 별로였는데 지금 {topic} {word}", topic=TOPICS, word=GOOD[:4])
        ),
    ]


def _others() -> list[Case]:
    said = "남들은 {said} 하지만 저한테 {topic} {word}"
    return [
        *right(False, filled(said, said=SAID_GOOD, topic=TOPICS, word=BAD[:3])),
        *right(True, filled(said, said=SAID_BAD, topic=TOPICS, word=GOOD[:3])),
    ]


def _stronger() -> list[Case]:
    plain, strong = "{thing} {word}", "{thing} {very} {word}"
    adverbs = ["정말", "진짜", "너무"]
    return [
        *intensified(plain, strong, True, things=TOPICS, words=GOOD[:3], adverbs=adverbs),
        *intensified(plain, strong, False, things=TOPICS, words=BAD[:3], adverbs=adverbs),
    ]


def _emoticons() -> list[Case]:
    return [
        *right(
            True, filled("{word} {mark}", word=CLEAR_POSITIVE, mark=["^^", "👍", "❤️", ":)", "ㅎㅎ"])
        ),
        *right(
            False, filled("{word} {mark}", word=CLEAR_NEGATIVE, mark=["ㅡㅡ", "👎", "😡", ":("])
        ),
    ]


def _lone_letters() -> list[Case]:
    return [
        *right(
            True, filled("{word} {mark}", word=CLEAR_POSITIVE, mark=["ㅋㅋ", "ㅋㅋㅋㅋㅋ", "ㅠㅠ"])
        ),
        *right(
            False, filled("{word} {mark}", word=CLEAR_NEGATIVE, mark=["ㅋㅋ", "ㅠㅠ", "ㅠㅠㅠㅠ"])
        ),
    ]


CAPABILITIES = (
    Capability(
        "plain words",
        some(
            [
                *right(True, filled("{topic} {word}", topic=TOPICS, word=GOOD), CLEAR_POSITIVE),
                *right(False, filled("{topic} {word}", topic=TOPICS, word=BAD), CLEAR_NEGATIVE),
            ]
        ),
    ),
    Capability("negation (부정)", some(_negated())),
    Capability("negated negatives (이중 부정)", some(_negated_negatives())),
    Capability("contrast (대조)", some(_contrast())),
    Capability("then and now", some(_then_and_now())),
    Capability("my opinion against others'", some(_others())),
    Capability("irony (반어)", tuple(right(False, IRONIC))),
    Capability("intensifiers", some(_stronger())),
    Capability("emoticons (이모티콘)", some(_emoticons())),
    Capability("lone letters (초성체)", some(_lone_letters())),
    Capability("no spaces (띄어쓰기)", tuple(Invariance(pair) for pair in UNSPACED)),
    Capability("typos", tuple(Invariance(pair) for pair in TYPOS)),
    Capability("names", varied(NAMED, "name", NAMES)),
    Capability("places", varied(PLACED, "place", PLACES)),
    Capability("numbers", varied(NUMBERED, "number", ["2", "3", "5", "10"])),
    Capability("punctuation", tailed(PLAIN, ".", "!", "...", "!!!", "~")),
    Capability("links and handles", tailed(PLAIN, " https://t.co/a1B2c3", " @somebody")),
    Capability("nationality", varied(ABOUT_PEOPLE, "group", NATIONALITIES), protected=True),
    Capability("religion", varied(ABOUT_PEOPLE, "group", RELIGIONS), protected=True),
    Capability("gender", varied(ABOUT_PEOPLE, "group", GENDERS), protected=True),
    Capability("ethnicity", varied(ABOUT_PEOPLE, "group", ETHNICITIES), protected=True),
)
