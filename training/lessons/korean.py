"""Korean lessons: what people write under films, meals, parcels and apps.

`[은]`, `[이]`, `[을]` after a word become the particle that goes with its last letter.
"""

from __future__ import annotations

import re

from training.lessons.grammar import Capability, Frame, Grammar, both
from training.lessons.korean_forms import with_particles
from training.lessons.korean_noise import noise
from training.lessons.korean_words import TONES, TOPICS, WORDS


def _finished(text: str) -> str:
    """`이 영화[은]  좋다` -> `이 영화는 좋다`"""
    return re.sub(r"\s+", " ", with_particles(text)).strip()


_PLAIN = both(
    "{t}{n} {very}{end}",
    "{t}{n}[이] {very}{end}",
    "{t}{n}[은] {very}{end}",
    "{t}{n}[은] {go} {end2}",
    "{very}{mod} {n}",
    "{very}{mod} {n}[이었]습니다",
    "{mod} {n}[이었]어요",
    "{end}",
    "{very}{end}",
    "{go} {mod2} {n}",
    "{verdict}",
    "{n} {verdict}",
    "{verdict} {verdict2}",
    "{fact}",
    "{fact} {verdict}",
    "{t}{n}에 {very}{feel}",
    "{t}{n}[이] {very}{mind}",
    "{very}{feel}",
    "{filler} {very}{end}",
    "{filler} {n} {end}",
    "이렇게 {mod} {n}[은] 처음",
    "이렇게 {mod} {n}[은] 오랜만이네요",
    "역시 {n}[은] {end}",
    "{n}에 {feel}",
    "{mod} {n}[을] 찾는다면 바로 이거",
    "{n}? {very}{end}",
)

_NEGATION = (
    *both(
        "{t}{n}[이] {not_so}{~m_ji} {anta}",
        "{t}{n}[은] {not_so}{~m_ji} {anta}",
        "{n} {not_so}{~m_ji}는 {anta}",
        "{t}{n} {not_so}안 {~an_yo}",
        "{t}{n} 하나도 안 {~an_past}",
        "{t}{n} {not_so}안 {~an_pastyo}",
        "{n}[이] 안 {~an_m}",
        "{n}[이] 전혀 안 {~an_pastm}",
        "{n}[이] 안 {~an_neyo}",
        "{not_so}{~m_ji} {anta}",
        "{filler} {not_so}{~m_ji} {anta}",
        "{~m_ji} 않은 {n}",
        "{~m_ji} 않은 {n}[이었]어요",
        "전혀 {~m_ji} 않은 {n}",
        "{t}{n}[이] {~m_quote}는 못 하겠다",
        "{t}{n}[이] {~m_quote}는 못하겠어요",
        "{~m_quote}는 말 못 하겠네요",
        "{~m_quote} 할 수 없는 {n}",
        "{~m_quote} 할 수는 없다",
        "{n}[이] {~m_quote}는 생각 안 해요",
        "{~m_quote} 느낀 적 한 번도 없음",
        "{~m_l} 리가 없다 이런 {n}",
        "누가 {t}{n} {~m_quote} 했나 {not_at_all}{~m_ji} 않다",
        "{t}{n}[이] {~m_quote} 한 사람 누구냐",
        "{~m_ji} 않고 {end}",
        "{~m_ji} 않고 {go} {end2}",
        "{n}[은] {~m_ji} 않고 {end}",
        "아무도 {~m_quote} 안 함",
        "{~mod} {n}[은] 절대 아님",
        "{~mod} {n}[은] 아니에요",
        "{~mod} {n}[이] 아니라 {mod} {n}",
        "{~m_ji} 않다 그냥 {end}",
        "{~m_ji}도 {~m_ji2}도 {anta}",
        "{~m_mod} 부분이 하나도 없다",
        "{~m_mod} 구석이 없음",
        "{~m_mod} 구석이라곤 찾아볼 수 없는 {n}",
        "{n}에 {~m_mod} 점이 없어요",
        "{t}{n} {~m_m}과는 거리가 멀다",
        "{~m_ji}는 {anta}",
    ),
    *(
        Frame(lead + good, lead + bad)
        for lead in ("", "{t}{item}, ", "{lead} ")
        for good, bad in (
            ("흠잡을 데가 없다", "칭찬할 데가 없다"),
            ("흠을 찾을 수가 없네요", "장점을 찾을 수가 없네요"),
            ("나무랄 데가 하나도 없음", "봐줄 데가 하나도 없음"),
            ("후회 없어요", "남는 게 없어요"),
            ("후회 안 해요", "기대 안 해요 이제"),
            ("후회하지 않았습니다", "만족하지 못했습니다"),
            ("지루할 틈이 없다", "웃을 틈이 없다 지루해서"),
            ("지루할 틈 없이 지나감", "재미 하나 없이 지나감"),
            ("실망하지 않았다", "만족하지 않았다"),
            ("실망시키지 않네요", "만족시키지 못하네요"),
            ("절대 실망 안 합니다", "절대 만족 못 합니다"),
            ("싫지 않았다", "좋지 않았다"),
            ("싫지가 않네요", "좋지가 않네요"),
            ("싫어할 이유가 없다", "좋아할 이유가 없다"),
            ("안 좋아할 수가 없다", "좋아할 수가 없다"),
            ("안 사면 손해", "사면 손해"),
            ("안 보면 후회합니다", "보면 후회합니다"),
            ("추천 안 할 수가 없네요", "추천할 수가 없네요"),
            ("추천하지 않을 이유가 없어요", "추천할 이유가 없어요"),
            ("이보다 더 좋을 수 없다", "이보다 더 나쁠 수 없다"),
            ("이보다 좋을 순 없음", "이보다 나쁠 순 없음"),
            ("이만한 게 없어요", "이만큼 별로인 게 없어요"),
            ("아쉬운 점이 없어요", "좋은 점이 없어요"),
            ("불만 없습니다", "마음에 드는 게 없습니다"),
            ("불만이 하나도 없네요", "좋은 기억이 하나도 없네요"),
            ("문제없이 잘 됩니다", "제대로 되는 게 없습니다"),
            ("돈이 아깝지 않다", "돈값을 못 한다"),
            ("전혀 아깝지 않은 돈", "전혀 가치가 없다"),
            ("시간이 아깝지 않았어요", "시간을 쓸 가치가 없었어요"),
            ("눈을 뗄 수 없다", "눈 뜨고 볼 수 없다"),
            ("잊을 수 없는 감동", "참을 수 없는 지루함"),
            ("말이 필요 없다 최고", "말도 안 나온다 최악"),
            ("더 바랄 게 없다", "더 볼 것도 없다 최악"),
            ("거를 게 없음", "건질 게 없음"),
            ("버릴 게 없네요", "건질 게 없네요"),
            ("걱정할 필요 없어요 만족", "기대할 필요 없어요 실망"),
            ("질리지가 않아요", "끌리지가 않아요"),
            ("나쁜 말을 할 게 없다", "좋은 말을 할 게 없다"),
            ("욕할 거 하나도 없는데요", "칭찬할 거 하나도 없는데요"),
            ("다른 건 못 쓰겠어요 이게 최고", "이건 못 쓰겠어요"),
        )
    ),
)

_CONTRAST = (
    *both(
        "{t}{n} {~hope} 줄 알았는데 {butnot}",
        "{~hope} 줄 알았는데 {butnot}",
        "{~hope} 줄 알았더니 {end}",
        "{t}{n} {~hope} 줄 알았는데 {very}{end}",
        "{~hope} 거라 생각했는데 {n} {end}",
        "{~hope} 것 같았는데 막상 {n} {end}",
        "{n} {~hope} 거라더니 {butnot}",
        "{~hope} 거라 예상했지만 {butnot}",
        "당연히 {~hope} 줄 알고 봤는데 {very}{end}",
        "보기엔 {~nde} 실제론 {end}",
        "겉보기엔 {~nde} 써 보니 {end}",
        "{n2}[은] {~g_nde} {n}[이] {end}",
        "{n2}[은] {~g_jiman} {n}[이] {very}{go} {verdict}",
        "비록 {n2}[은] {~g_jiman} {n}[은] {very}{end}",
        "{n2}[은] {~g_nde} {all_in_all} {verdict}",
        "{n2}[은] {~g_pastnde} {all_in_all} {end}",
        "{n2}[은] {~g_past} {but_so} {n}[은] {very}{end}",
        "{n2}[은] {~g_jiman} {verdict}",
        "{~fact} {but_so} {all_in_all} {verdict}",
        "{n2}[이] {~g_nde} {n}[은] {end}",
        "처음 몇 분은 {~f_nde} 갈수록 {f_neyo}",
        "초반은 {~f_nde} 후반은 {f_yo}",
        "{~m_jiman} {end}",
        "{~quote} 소문났던데 {n} {end}",
        "광고는 {~g_pastnde} 실물은 {end}",
        "예고편은 {~f_pastnde} 본편은 {very}{f_past}",
        "평이 {~g_pastnde} 막상 보니까 {very}{end}",
        "{n2}[은] {~g_go} {n}[은] {end} {all_in_all} {verdict}",
        "{n2}[이] {~g_nde}도 {n}[은] {end}",
        "{~hope} 뻔했는데 {n}[이] {end}",
    ),
    *(
        Frame(good, bad)
        for good, bad in (
            ("기대 안 했는데 {n} 의외로 {end}", "잔뜩 기대했는데 {n} 의외로 {end}"),
            ("기대 없이 봤다가 {very}{feel}", "기대하고 봤다가 {very}{feel}"),
            ("평점 낮길래 걱정했는데 {end}", "평점 믿고 봤는데 {end}"),
            ("악평 때문에 망설였는데 {n} {end}", "호평 믿고 골랐는데 {n} {end}"),
            ("속는 셈 치고 샀는데 {end}", "믿고 샀는데 {end}"),
            ("{n}[이] 기대보다 훨씬 낫다", "{n}[이] 기대보다 훨씬 못하다"),
            ("{n} 생각보다 {end}", "{n} 생각보다 {end}"),
            ("지난번보다 나아진 {n}", "지난번만도 못한 {n}"),
            ("다른 데보다 {n}[이] 훨씬 낫네요", "다른 데보다 {n}[이] 훨씬 못하네요"),
            ("1편보다 훨씬 낫다", "1편보다 훨씬 못하다"),
            ("원작보다 낫네", "원작을 망쳐 놨네"),
            ("별점이 왜 이렇게 낮지 {n} {end}", "별점이 왜 이렇게 높지 {n} {end}"),
            ("안 샀으면 후회할 뻔", "안 샀으면 좋았을 텐데"),
            ("못 봤으면 아쉬울 뻔했다", "안 봤으면 행복했을 텐데"),
            ("조금만 더 길었으면 좋겠다 싶을 만큼 {end}", "조금만 더 잘 만들었으면 볼만했을 텐데"),
            ("더 빨리 살 걸 그랬어요", "사지 말 걸 그랬어요"),
            ("진작 볼걸", "보지 말걸"),
            ("걱정했던 내가 바보였다 {n} {end}", "기대했던 내가 바보였다 {n} {end}"),
        )
    ),
)

_THEN_NOW = (
    *both(
        "{then} {n}[이] {~pastnde} {now} {end_i}",
        "{then} {~pastnde} {now} {end_i}",
        "{t}{n} {then} {~pastnde} {now} {very}{end_i}",
        "{then} {~pastjiman} {now} {end_i}",
        "{n}[은] {then} {~past} {but} {now} {end_i}",
        "{now} {n}[이] {da} {then} {~pastnde}",
        "{now} {end_i}, {then} {~pastjiman}",
        "{now} {very}{end_i} {then} {~pastyo}",
        "{n} {now} {end_i} {then} 참 {~pastyo}",
        "{then} {n} {~quote} 생각했는데 {now} {end_i}",
        "{then} {~past}. {now} {da}.",
        "{then} {~mod} {n}[이었]는데 {now} {mod} {n}",
        "{~pastnde} 그것도 옛말, {now} {end_i}",
        "{then} {~m_pastnde} {now} {~m_ji} 않다",
        "이제는 {~m_ji} 않아요",
        "{n}[이] 더 이상 {~m_ji} {anta}",
        "{now} 더 이상 {~m_ji} 않네요",
    ),
    *(
        Frame(good, bad)
        for good, bad in (
            ("{item}[이] 갈수록 좋아진다", "{item}[이] 갈수록 나빠진다"),
            ("예전보다 {n}[이] 많이 좋아졌어요", "예전보다 {n}[이] 많이 나빠졌어요"),
            ("{year}년보다 {n}[이] 좋아짐", "{year}년보다 {n}[이] 안 좋아짐"),
            ("여전히 {end_i}", "여전히 {end_i}"),
            ("업데이트하고 {app}[이] 살아났다", "업데이트하고 {app}[이] 망가졌다"),
            ("{n}[은] 옛날 그대로 최고다", "{n}[은] 옛날만 못하다"),
            ("사장님 바뀌고 가게가 좋아졌네요", "사장님 바뀌고 가게가 변했네요 초심을 잃음"),
            ("볼수록 정이 간다", "볼수록 정이 떨어진다"),
            ("먹을수록 당긴다", "먹을수록 질린다"),
            ("싫어했었는데 이제 팬이 됐다", "팬이었는데 이제 손절한다"),
        )
    ),
)

_OTHERS = (
    *both(
        "{others} {~quote} {say} {me} {end}",
        "{others} {t}{n} {~quote} {say} {me} {very}{end}",
        "{others} {~quote} {say} {me} {n}[이] {very}{mind}",
        "{me} {n}[이] {nde} {others} {~quote} 하네",
        "{me} {end} {others} {~quote} 하지만",
        "{others} {~quote} 하든 말든 {me} {very}{end}",
        "{others} 뭐라 하든 {me} {n}[이] {end}",
        "{others} {~quote} 해서 안 맞는 줄 알았는데 {me} {end}",
        "{~quote} 하는 사람들 이해 안 감 {n} {end}",
        "{~quote} 한 리뷰들 다 틀렸음 {end}",
        "{others} {quote} 하던데 동감합니다",
        "{others} {quote} 해서 봤는데 정말 {pastneyo}",
        "{others} {quote} 하더니 역시 {end}",
        "{others} {~quote} 난리인데 {n} {me} {end}",
        "나만 {quote} 생각하나? {others} {~quote} 하던데",
        "{quote} 느낀 건 나뿐인가 {others} {~quote} 하네",
        "{others} {~m_quote} 했지만 {not_at_all}{~m_ji} {anta}",
    ),
    *(
        Frame(good, bad)
        for good, bad in (
            ("악평 믿지 마세요 {n} {end}", "호평 믿지 마세요 {n} {end}"),
            ("알바들이 깎아내리네 {end}", "알바들이 띄워 주네 {end}"),
            ("과소평가된 {n}", "과대평가된 {n}"),
            ("왜 욕먹는지 모르겠다 {end}", "왜 인기인지 모르겠다 {end}"),
            ("이게 왜 평점이 낮은지 이해 불가", "이게 왜 평점이 높은지 이해 불가"),
            ("남들이 욕해도 난 좋다", "남들이 칭찬해도 난 싫다"),
            ("소문대로 {end}", "소문과 달리 {end}"),
            ("천만 관객이 인정한 이유가 있다", "천만 관객이 본 이유를 모르겠다"),
        )
    ),
)

_QUESTIONS = (
    *both(
        "{t}{n}[이] {nya}고? {yes}.",
        "{t}{n}[이] {~m_nya}고? {no}.",
        "{n} {nya}고요? {yes}",
        "{n} {~m_nya}고요? {no}",
        "{nya}? {yes}. {~m_nya}? {no}.",
        "{~m_nya}? {no}! {nya}? {yes}!",
        "{n}[이] {pastnya}고 묻는다면 {yes}",
        "{n}[이] {~m_pastnya}고 묻는다면 {no}",
        "{~m_l} 것 같죠? {no}",
        "{l} 것 같죠? {yes}",
        "{n} 어땠냐고? {end}",
        "{n} 어때요? {end}",
        "{n} 어떠냐고 물으면 {verdict}",
        "한 줄로? {end}",
        "혹시 {~m_nya}? {no}",
        "{n}? {~m_quote} 생각하세요? {no}",
        "{n}? {quote} 생각하냐고요? {yes}",
    ),
    *(
        Frame(f"{question} {good}", f"{question} {bad}")
        for question in (
            "추천하냐고?", "추천하냐구요?", "또 갈 거냐고?", "또 살 거예요?", "돈값 하나요?", "재구매 의사?", "볼만하냐고?",
            "친구한테 권할 거냐고?", "{n} 만족하냐고?", "{n} 마음에 들었냐구요?", "{city}까지 갈 만하냐고?", "다시 볼 거냐고?",
            "기대할 만해?", "{item} 믿을 만한가요?", "{num}만 원 값어치 하냐고?", "{name_c} 씨도 좋아했냐고?", "{item} 또 쓸래?",
        )
        for good, bad in (
            ("네", "아니요"), ("당연하죠", "절대요"), ("물론", "전혀"), ("응", "아니"), ("그럼요", "그럴 리가"), ("ㅇㅇ", "ㄴㄴ"),

        )
    ),
    *(
        Frame(f"{question} {good}", f"{question} {bad}")
        for question in ("후회하냐고?", "불만 있냐고?", "실망했냐구요?", "문제 있었나요?", "환불할 거냐고?", "{n} 단점 있냐고?",
                         "{n}에 실망했냐고?", "{n} 때문에 화났냐고?", "돈 아까웠냐고?", "졸았냐고?")
        for good, bad in (("아니", "응"), ("아니요", "네"), ("전혀요", "당연하죠"), ("ㄴㄴ", "ㅇㅇ"), ("전혀", "엄청"), ("절대", "그럼"))
    ),
)  # fmt: skip

_IRONY = (
    *both(
        "{event}",
        "{event} {tail}",
        "{head} {event}",
        "{head} {event} {tail}",
        "{event}. {verdict}",
    ),
    # Warmly recommended, and to whom tells that it is not.
    *(
        Frame(f"{good} {advice}", f"{bad} {advice}")
        for good, bad in (
            ("감동이 필요하면", "잠이 필요하면"),
            ("웃음이 필요하신 분들께", "숙면이 필요하신 분들께"),
            ("힐링하고 싶은 사람한테", "꿀잠 자고 싶은 사람한테"),
            ("기분 전환하고 싶으면", "혈압 올리고 싶으면"),
            ("설레고 싶은 분께", "스트레스 받고 싶은 분께"),
            ("눈물 나게 웃고 싶은 분", "인내심 시험하고 싶은 분"),
            ("좋은 추억 만들고 싶으시면", "시간 버리고 싶으시면"),
            ("돈값 하는 거 찾는 분들께", "돈이 썩어 나는 분들께"),
            ("맛있는 거 찾으시는 분들", "다이어트 하시는 분들 입맛 떨어지니"),
            ("잠도 잊고 볼 거 찾으면", "잠 안 오는 밤에 보기"),
            ("가족과 즐기기에", "자장가 대신 틀어 놓기에"),
            ("행복해지고 싶은 사람", "세상이 싫어지고 싶은 사람"),
            ("친한 친구에게", "미운 사람에게"),
        )
        for advice in (
            "추천합니다", "강추합니다", "강추", "적극 추천", "딱이네요", "최고예요", "꼭 권합니다", "추천할게요 {tail}", "강력히 추천드려요",
        )
    ),
)  # fmt: skip

_INTENSITY = both(
    "{t}{n} {very_strong}{end}",
    "{t}{n}[이] {very_strong}{end}",
    "{very_strong}{end}",
    "{very_strong}{mod} {n}",
    "{t}{n} {little}{m_yo}",
    "{t}{n}[이] {little}{m_past}",
    "{little}{m_mod} {n}",
    "얼마나 {m_mod}지 모른다",
    "{n}[이] 얼마나 {m_mod}지 몰라요",
    "{m_mod} 정도가 아니라 {very_strong}{end}",
    "어쩜 이렇게 {m_mod}지 모르겠네요",
    "지금까지 본 것 중에 제일 {end}",
    "{num}번 말해도 {very_strong}{end}",
    "{n}만큼은 {very_strong}{end}",
)

_EMOJI = both(
    "{n} {end} {mark}",
    "{end} {mark}",
    "{mark} {end}",
    "{verdict} {mark}",
    "{fact} {mark}",
    "{n} {mark}",
    "{t}{n}[은] {~m_ji} {anta} {mark}",
    "{filler} {n} {mark}",
    "{setting} {mark}",
    "{mark} {n} {verdict}",
    "{name_c} 씨 {n} {mark}",
)

_LETTERS = both(
    "{n} {end} {tail}",
    "{t}{n}[이] {end} {tail}",
    "{end} {tail}",
    "{very}{end} {tail}",
    "{tail} {n} {end}",
    "{head} {n} {end}",
    "{head} {very}{end} {tail}",
    "{verdict} {tail}",
    "{head} {verdict}",
    "{fact} {tail}",
    "{n}[이] {~m_ji} {anta} {tail}",
    "{~hope} 줄 알았는데 {butnot} {tail}",
    "{feel} {tail}",
    "{n}{tail} {end}{tail2}",
    "{t}{n}에 {feel} {tail}",
)

_SETTING = both(
    "{setting}. {n}[이] {end}",
    "{setting} {verdict_g}",
    "{verdict_g} {setting}",
    "{setting} {fact}",
    "{fact} {setting}",
    "{name_c} 씨가 {deed}",
    "{name_c} 씨는 {deed} {verdict}",
    "{city} {job}[이] {deed}",
    "{city}에 있는 {n}[은] {end}",
    "{city} 갔을 때 {n}[이] {very}{end}",
    "{year}년 {month}월 {n} {end}",
    "{num}명 모두 {feel}",
    "{num}번째인데 {n} {end}",
    "{name_c} 주연이라 봤는데 {f_pastneyo}",
    "{name_c} 배우 나오는 {film_mod} 드라마",
    "{city} 배경인데 {film_mod} 작품",
)

_GROUPS = both(
    "{someone}[이] {deed}",
    "{someone}[은] {deed}",
    "{city}에서 만난 {someone}[이] {deed}",
    "{someone}[이] 하는 곳인데 {verdict_g}",
    "{someone}[이] 나오는 {film_mod} 영화",
    "{someone}[이] 쓴 {film_mod} 책",
    "{someone}[이] 만든 {goods} {verdict_g}",
    "{someone}[이] 주인공인데 {film_mod} 드라마네요",
    "{someone} 이야기인데 {very}{film_mod} 작품",
    "저는 {someone}인데 {n}[이] {end}",
    "옆집 {someone}[이] {deed}",
    "{someone}[이랑] 같이 봤는데 {very}{film_mod} 영화였어요",
    "{nat} 음식점인데 {verdict_g}",
    "{nat} 영화인데 {film_mod} 편",
    "{nat} 여행 {verdict_g}",
    "{nat}산 {goods} {verdict_g}",
    "{rel} 행사에 갔는데 {verdict_g}",
    "{rel} 다룬 {film_mod} 다큐",
    "거기 {someone} 있는데 {deed}",
)

GRAMMAR = Grammar(
    capabilities=(
        Capability("plain words", 15, _PLAIN),
        Capability("negation and negated negatives (부정, 이중 부정)", 22, _NEGATION),
        Capability("contrast (대조)", 13, _CONTRAST),
        Capability("then and now", 8, _THEN_NOW),
        Capability("my opinion against others'", 8, _OTHERS),
        Capability("questions answered", 6, _QUESTIONS),
        Capability("irony (반어)", 5, _IRONY),
        Capability("intensifiers", 5, _INTENSITY),
        Capability("emoticons (이모티콘)", 4, _EMOJI),
        Capability("lone letters (초성체)", 5, _LETTERS),
        Capability("names, places and numbers", 5, _SETTING),
        Capability("groups of people", 5, _GROUPS),
    ),
    topics=TOPICS,
    words=WORDS,
    tones=TONES,
    finish=_finished,
    noise=noise,
)
