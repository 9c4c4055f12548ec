"""Codes that credentials are described by: which there are, and what they must look like.

Only facts that may be shipped are: the codes themselves, without their labels, which a node
loads for itself. They are looked at where a credential enters the registry, not where a journal
is read: what was entered under an older table stays readable.

Sources: ISO 3166-1 and ISO 639-1; ISO 639-3 as registered by SIL International; UNESCO, ISCED
Fields of Education and Training 2013 (11 broad and 29 narrow fields); ILO, ISCO-08.
"""

import re
from typing import Final

from node.errors import Code, Refusal
from node.model.occupations import ISCO08

# Each: the letters that codes begin with, then those that may follow; * is any letter.
_COUNTRIES: Final = """
A:DEFGILMOQRSTUWXZ B:ABDEFGHIJLMNOQRSTVWYZ C:ACDFGHIKLMNORUVWXYZ D:EJKMOZ E:CEGHRST F:IJKMOR
G:ABDEFGHILMNPQRSTUWY H:KMNRTU I:DELMNOQRST J:EMOP K:EGHIMNPRWYZ L:ABCIKRSTUVY
M:ACDEFGHKLMNOPQRSTUVWXYZ N:ACEFGILOPRUZ O:M P:AEFGHKLMNRSTWY Q:A R:EOSUW
S:ABCDEGHIJKLMNORSTVXYZ T:CDFGHJKLMNORTVWZ U:AGMSYZ V:ACEGINU W:FS Y:ET Z:AMW
"""
_LANGUAGES_OF_TWO: Final = """
a:abefkmnrsvyz b:aegimnors c:aehorsuvy d:aevz e:elnostu f:afijory g:adlnuv h:aeiortuyz
i:adegikostu j:av k:agijklmnorsuvwy l:abginotuv m:ghiklnrsty n:abdeglnorvy o:cjmrs p:ailst q:u
r:mnouw s:acdeghiklmnoqrstuvw t:aeghiklnorstwy u:gkrz v:eio w:ao x:h y:io z:ahu
"""
_LANGUAGES_OF_THREE: Final = """
aa:abcdefghiklnopqrstuwxz ab:* ac:abdefhiklmnpqrstuvwxyz ad:abdefghijlnoqrstuwxyz
ae:abcdeklmnqrsuwyz af:bdeghiknoprstuz ag:abcdefghijklmnoqrstuvwxyz ah:abghiklmnoprst
ai:abcdefghijklmnopqrtwxy aj:aginsuwz ak:abcdefghijklmopqrstuvwxyz al:acdefhijklmnopqrstuwxyz
am:abcefghijklmnopqrstuvwxyz an:* ao:abcdefgijklmnrstuxz ap:bcdefghijklmnopqrstuvwxyz
aq:cdgkmnprtz ar:abcdeghijklnopqrsuvwxyz as:abcefghijklmnopqrstuvwxyz
at:abcdegijklmnopqrstuvwxyz au:abcdghijklmnopqrtuwxyz av:abdeiklmnostuv aw:abceghikmnorstuvwxy
ax:begklmx ay:abcdeghiklmnopqrstuz az:abdegjmnotz ba:abcefghjklmnoprsuvwxy
bb:abcdefghijklmnopqrstuvwxy bc:abcdefghijklmnopqrstuvwyz bd:* be:abcdefghijklmnopqstuvwxyz
bf:abcdefghijklmnopqrstuwxyz bg:abcdefgijklnopqrstuvwxyz bh:abcdefghijlmnopqrstuvwxyz
bi:abdefgklmnopqrstuvwxyz bj:abcefghijklmnoprstuvwxyz bk:acdfghijklmnopqrstuvwxyz
bl:abcdefhijklmnopqrstvwxyz bm:abcdefghijklmnopqrstuvwxz bn:abcdefgijklmnopqrsuvwxyz
bo:abdefghijklmnopqrstuvwxyz bp:acdeghijklmnopqrstuvwxyz bq:abcdfghijklmnopqrstuvwxyz br:*
bs:abcefghijklmnopqrstuvwxy bt:acdefghijmnopqrstuvwxyz bu:abcdefghijklmnopqstuvwxyz
bv:abcdefghijklmnopqrtuvwxyz bw:abcdefghijklmnopqrstuwxyz bx:abcdefghijklmnopqrsuvwz
by:abcdefghijklmnopqrstvwxz bz:* ca:abcdefghjklmnopqrstvwxyz cb:bcdgijklnoqrstuvwy
cc:cdeghjlmopr cd:aefhijmnorsyz ce:abgknsty cf:adgm cg:acgk ch:abcdefghjklmnopqrtuvwxyz
ci:abcdehkmnprwy cj:aehikmnopsvy ck:bhlmnoqrstuvxyz cl:acdehijklmostuwy cm:aegilmnorst
cn:abcghiklopqrstuwx co:abcdefghjklmnopqrstuvwxz cp:abcginosuxy cq:d cr:abcdefghijklmnoqrstvwxyz
cs:abcdefghijklmnopqrstvwxyz ct:acdeghlmnopstuyz cu:abchijklopqrtuvwxy cv:gn cw:abdegt cx:h
cy:abmo cz:hknot da:acdeghijklmnoqrsuvwxz db:abdefgijlmnopqrtuvwy dc:cr dd:adegijnorsw
de:cdefghilmnpqrsuvz dg:abcdeghiklnorstwxz dh:dgilmnorsuvwx di:abcdfghijklmnopqrsuvwxyz
dj:abcdefijkmnoruw dk:agkrsx dl:gkmn dm:abcdefgklmorsuvwxy dn:adegijknortuvwy
do:abcefhiklnopqrstvwxyz dp:p dr:bcdegilnoqstuy ds:behiklnoqz dt:abdhikmnoprstuy
du:abcefghiklmnopqrsuvwxyz dv:a dw:akrsuwyz dy:abdgimnoruy dz:adeglno ea:a eb:cgkoru ec:rsy ee:e
ef:aei eg:almoy eh:su ei:ptv ej:a ek:aegiklmopry el:ehiklmoux em:abegikmnpqsuwxyz
en:abcdfghlmnoqruvwx eo:t ep:io er:aghikorstw es:eghiklmnoqstuy et:bchnorstuxz eu:ds ev:ehn
ew:eo ex:t ey:ao ez:ae fa:abdfghijklmnoprstuxyz fb:l fc:s fe:r ff:im fg:r fi:aefjlnprtw fk:kv
fl:ahilnry fm:pu fn:bgi fo:dimnrs fp:e fq:s fr:acdkmopqrsty fs:els fu:bcdefhijlmnqrtuvy fv:r
fw:ae ga:abcdefghijklmnopqrstuwxyz gb:abdefghijklmnopqrsuvwxyz gc:cdeflnrt
gd:abcdefghijklmnoqrstux ge:abcdfghijklqsvwxyz gf:kt gg:abdegkltuw gh:acehklnorst
gi:abcdeghilmnpqrstuwxyz gj:kmnru gk:adenopu gl:abcdeghjkloruvwy gm:abdghlmnruvxyz
gn:abcdeghijklmnoqrtuwz go:* gp:aen gq:ainru gr:abcdghijmnoqrstuvwxyz gs:eglmnopsw gt:au
gu:abcdefghijklmnopqrstuwxz gv:acefjlmnoprsy gw:abcdefgijmnrtuwx gx:x gy:abdefgilmnoryz gz:ain
ha:* hb:abnosu hc:ah hd:nsy he:abdghimr hg:mw hh:iry hi:abdfghijklnortwx hj:i hk:aehkns
hl:abdetu hm:abcdefghijklmnopqrstuvwyz hn:adeghijmnosu ho:abcdehijlmoprstvwyz hp:os
hr:acekmoptuvwxz hs:bhlns ht:iosux hu:bcdefghijklmnopqrstuvwxyz hv:ceknv hw:aco hy:aew ia:inr
ib:abdeghlmnoruy ic:ahlr id:abcdeiorstu if:abefkmuy ig:beglmnosw ih:bipw ii:in ij:cejns
ik:ehikloprstuvwxz il:abegikmopsuv im:ailnorsty in:abdghjlmnopstz io:ruw ip:iko iq:uw
ir:ehiknruxy is:acdeghiklmnortuv it:abdeiklmorstvwxyz iu:m iv:bv iw:kmos ix:cl iy:aox iz:hmrz
ja:abcdefhjklmnoqstuvxyz jb:eijkmnortuw jc:st jd:agt je:behiklnrtu jg:beko jh:is
ji:abcdeghilmoqtuvy jj:er jk:amoprsu jl:es jm:abcdilnrswx jn:adgijls jo:bdgrsw jp:anr jq:r
jr:abrtu js:l ju:abcdhiklmnoprstuwy jv:dn jw:i jy:aey ka:abcdefghijklmnopqstuvwxyz
kb:abcdeghijklmnopqrstuvwxyz kc:* kd:acdefghijklmnpqrtuwxyz ke:* kf:* kg:abefgijklnopqrstuvwxy
kh:abcdefghjklmnopqrstuvwxyz ki:* kj:abcdeghijklmnopqrstuvxyz kk:* kl:* km:*
kn:abcdefgijklmnopqrstuvwxyz ko:acdefghiklmnopqrstuvwyz kp:abcdefghijklmnoqrstuvwxyz kq:*
kr:abcdefhijklnprstuvwxyz ks:bcdefghijklmnopqrstuvwxyz kt:abcdefghijklmnopqstuvwxyz ku:*
kv:abcdefghijklmnopqrtuvwxyz kw:abcdefghijklmnoprstuvwxyz kx:abcdfhijkmnopqrstvwxyz ky:*
kz:abcdefgiklmnopqrsuvwxyz la:abcdefghijlmnopqrstuvwxyz lb:bcefgijklmnoqrstuvwxyz lc:cdefhlmpqs
ld:abdghijklmnopq le:abcdefhijklmnopqrstuvwxyz lf:an lg:abghiklmnoqrstuz lh:ahilmnpstu
li:abcdefghjklmnopqrstuvwxyz lj:aeilpwx lk:abcdehijlmnorstuy ll:abcdefghijklmnpqsux
lm:abcdefghijklnopqruvwxy ln:abdghijlmnsuwz lo:abcefghijklmnopqrstuvwxyz lp:aenox lq:r
lr:acegiklmnortvz ls:abcdehilmnoprstvwy lt:cghinosuz lu:abcdefghijklmnopqrstuvwyz lv:aiklsu
lw:aeghlmostuw lx:m ly:agn lz:hlnz ma:abdefghijklmnqrstuvwxz mb:abcdefhijklmnopqrstuvwxyz mc:*
md:abcdefghijklmnpqrstuvwxyz me:abcdefhijklmnopqrstuvwyz mf:* mg:abcdefghijklmnopqrstuvwyz
mh:abcdefgijklmnopqrstuwxyz mi:abcdefghijklmnopqrstuwxyz mj:bcdeghijklmnopqrstuvwxyz
mk:abcdefgijklmnopqrstuvwxyz ml:abcefghijklmnopqrstuvwxz mm:abcdefghijklmnopqrtuvwxyz
mn:abcdefghijklmnpqrsuvwxyz mo:acdeghijkmnopqrstuvwxyz mp:abcdeghijklmnopqrstuvwxyz
mq:abcefghijklmnopqrstuvwxyz mr:* ms:abcdefghijklmnopqrsuvwxyz mt:abcdefghijklmnopqrstuvwxy
mu:abcdeghijklmopqrstuvxyz mv:abdefghiklnopqrstuvwxyz mw:abcefghiklmnopqrstuvwz mx:*
my:abcefghjklmoprsuvwxyz mz:abcdeghijklmnopqrstuvwxyz na:abcefgjklmnopqrstuvwxyz
nb:abcdeghijklmnopqrstuvwy nc:abcdefghijklmnoqrstuxz nd:* ne:abcdefghijkmnopqrstuvwxyz nf:adlru
ng:abcdeghijklmnpqrstuvwxyz nh:abcdefghikmnopqrtuvwxyz ni:abdefghijklmnoqrstuvwxyz
nj:abdhijlmnorstuxyz nk:abcdefghijkmnopqrstuvwxz nl:acdegijklmoquvwxyz nm:*
nn:abcdefghijklmnopqrtuvwyz no:abcdefghijklnpqrstuvwyz np:abghilnosuxy nq:gklmnoqty
nr:abcefgiklmnprtuxz ns:abcdefghiklmnopqrstuvwxyz nt:dgijkmopruwxyz nu:acdefghijklmnopqrstuvwxyz
nv:hmo nw:abcegimorwxy nx:adegiklmnoqrx ny:abcdefghijklmnopqrstuvwxy nz:abdikmrsuyz oa:ackrv
ob:iklmortu oc:ahimou od:aktu of:osu og:bcegou oh:tu oi:aen oj:bcgipsvw ok:abcdeghijklmnorsuvxz
ol:adekmortu om:abcgiklnoprtuwxy on:abegijknoprstuwx oo:dgnrs op:akmoty or:aceghimnorstuvwxyz
os:acinopstux ot:abdeiklmnqrstuwxyz ou:abeim ov:d ow:il oy:bdmy oz:m pa:bcdefghiklmnopqrsuvwxyz
pb:bcefghilmnoprstuvy pc:abcdefghijklmnpw pd:acinotu pe:abdefghijklmopqsvxyz pf:ael
pg:adgiklnsuz ph:adghjklmnoqrtuvw pi:abcdefghjlmnoprstuvwxyz pj:t pk:abcghnoprstu
pl:abcdeghiklnoqrstuvwyz pm:abdefhijlmnoqrstwxyz pn:abcdeghijklmnopqrstuvwxyz
po:cefghiklmnopqrstvwxy pp:eiklmnopqstu pq:am pr:cdefghiklmnoqrstuwxz ps:acdeghilmnopqrstuwy
pt:ahinopqrtuvwy pu:abcdefgijmopqrstuwxy pw:abgimnorw px:m py:emnsuxy pz:ehn
qu:abcdefghiklmnpqrsvwxyz qv:acehijlmnopswyz qw:achmst qx:achlnopqrstuw qy:ap
ra:abcdfghijklmnopqrstuvwxyz rb:bklp rc:f rd:b re:abegijlmnrsty rg:aeknrsu rh:gp ri:abflmnrtu
rj:gis rk:abhimtw rm:abcdefghiklmnopqstuvwxyz rn:bdglnprw ro:bcdefghlmnopruw rp:nt rr:imot
rs:bklmnw rt:chmsw ru:bcefghiknopqstuyz rw:aklmor rx:dw ry:nsu rz:h sa:abcdefghjkmnoqrstuvwxyz
sb:* sc:befghiklnopqstuvwx sd:abcefghjklnopqrstuxz se:abcdefghijklnopqrstuvwyz sf:bemsw
sg:abcdeghijkmprstuwxyz sh:abcdeghijklmnopqrstuvwxyz si:abdefghijklmnpqrsuvwxyz
sj:abcdegklmnoprstuw sk:abcdefghijmnopqrstuvwxyz sl:cdefghijklmnprstuvwxyz
sm:abcefghjklmnopqrstuvwxyz sn:acdefgijklmnopqrsuvwxyz so:abcdeghijklmopqrstuvwxyz
sp:abcdegiklmnopqrstuvxy sq:ahikmnoqrstux sr:abcdefghiklmnopqrstuvwxyz
ss:bcdefghijklmnopqrstuvwxyz st:abdefghijklmnopqrstuvwy su:abcegijknoqrstvwxyz sv:abcekmsx
sw:abcefghijklmnopqrstuvwxy sx:bcegklmnorsuw sy:abciklmnorswxy sz:abceglnpsvwy
ta:abcdefghjklmnopqrstuvwxyz tb:acdefghijklmnoprstuvwxyz tc:abcdefghiklmnopqstuwxyz
td:abcdefghijklmnoqrstvxy te:abcdefghiklmnopqrstuvwxyz tf:inort tg:abcdefhijklnopqrstuvwxyz
th:adefhiklmnpqrstuvyz ti:acfghijklmnopqrstuvwxyz tj:agijlmnopsuw tk:abdefglmnpqrstuvwxz
tl:abcdfghijklmnopqrstuvxy tm:abcdefghijlmnoqrstuvwyz tn:abcdghiklmnopqrstuvwxyz
to:bcdfghijklmnopqrsuvwxyz tp:acefgijklmnopqrtuvxyz tq:blmnopqrtuw tr:abcdefghijlmnopqrstuvwxyz
ts:abcdeghijklmnopqrstuvwxyz tt:abcdefghijklmnopqrstuvwyz tu:abcdefghijklmnoqrsuvxyz
tv:adeiklmnostuwxy tw:abcdefghilmnopqrtuwxy tx:abceghijmnoqrstuxy ty:aehijlnprstuvxyz
tz:ahjlmnox ua:mnr ub:ailruy ud:aegijlmu ue:s uf:i ug:abehnoy uh:an ui:gsv uj:i
uk:aghiklpqrsuvwy ul:abcefiklmnuwy um:abcdgimnoprsu un:adegikmnruxz uo:n up:iv
ur:abcdefghiklmnoprtuvwxyz us:ahikpsu ut:aehpru uu:mru uv:ehl uw:a uy:a uz:bns
va:aefghijlmnoprsuvy vb:bk ve:cdlmnopr vg:rt vi:cdefglnstv vj:k vk:ajklmnoptuz vl:ps
vm:abcdefghijklmpqrsuvwxyz vn:kmp vo:lrt vr:aost vs:ilnv vt:o vu:mnt vw:a
wa:abcdefghijlmnopqrstuvwxyz wb:abefhijklmpqrstvw wc:ai wd:dgjktuy we:acdghimoprstuw wf:g
wg:abgiouy wh:agku wi:bcefghijklmnruvy wj:ai wk:abdlruwy wl:aceghiklmnorsuvwxy
wm:abcdeghimnostwx wn:bcdegikmnopuwy wo:abcdefgiklmnorswy wp:c wr:bghiklmnoprsuvwxyz ws:agikrsuv
wt:bfhikmw wu:abdhlmnrtuvxy ww:aborw wx:aw wy:bimnry xa:abcdegijklmnopqrstuvwy xb:bcdegijmnoprwy
xc:bceghlmnortuvwy xd:ackmoqy xe:bdglmprstu xf:a xg:abdfgilmruw xh:acdemortuv xi:bilnrsvy xj:bt
xk:abcdefgijklnopqrstuvwxyz xl:abcdeginopsuy xm:abcdefghjklmnopqrstuvwxyz xn:abghijkmnoqrstuyz
xo:cdgikmnoprw xp:* xq:at xr:abdegimnrtuw xs:abcdehijlmnopqruvy xt:abcdeghijlmnopqrstuvwy
xu:abdgjlmnoprtu xv:einos xw:acdegjklortw xx:bkmrt xy:abjklty xz:hmp ya:* yb:abehijklmnoxy
yc:hlnpr yd:adegk ye:aceijlrstuvy yg:ailmprsuw yh:adls yi:adfghijklmnpqrstuvxz yk:aghiklmnortuy
yl:abegilmnoruy ym:bcdeghiklmnopqrsxz yn:abdegklnoqsu yo:bgiklmnrtxy yp:abghmnopz yr:abeklmnoswy
ys:cdglmnoprsy yt:alpwy yu:abcdefgijklmnpqrtwxyz yv:at yw:aglnqrtuw yx:aglmuy yy:ruz yz:gk
za:abcdefghijklmopqrstuvwxyz zb:aceltuw zc:adh zd:j ze:aghmn zg:abhmnr zh:abdinow zi:abklmnwz
zk:adghknoprtuvz zl:ajmnqu zm:* zn:aegks zo:chmoqrs zp:* zq:e zr:agnops zs:aklmru
zt:eglmnpqstuxy zu:hlmny zw:a zx:x zy:bgjnp zz:aj
"""
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"


def _expanded(table: str) -> frozenset[str]:
    codes: set[str] = set()
    for group in table.split():
        first, _, last = group.partition(":")
        codes.update(first + letter for letter in (_LETTERS if last == "*" else last))
    return frozenset(codes)


COUNTRIES: Final = _expanded(_COUNTRIES)
"""ISO 3166-1 alpha-2, as officially assigned."""

LANGUAGES: Final = _expanded(_LANGUAGES_OF_TWO) | _expanded(_LANGUAGES_OF_THREE)
"""ISO 639-1 codes of two letters and ISO 639-3 codes of three."""

ISCED_F: Final = {
    "00": "123",
    "01": "1",
    "02": "123",
    "03": "12",
    "04": "12",
    "05": "1234",
    "06": "1",
    "07": "123",
    "08": "1234",
    "09": "12",
    "10": "1234",
}
"""Broad fields, each with the last digits of its narrow fields."""

LEVELS_MAX: Final = {"eqf": 8, "aqrf": 8, "sadcqf": 10, "cvq": 5}
"""The highest level of each reference framework; all begin with 1."""

# Of users, never of a country: AA, QM to QZ, XA to XZ, ZZ.
_USER_ASSIGNED: Final = re.compile(r"AA|Q[M-Z]|X[A-Z]|ZZ")
_ISCED_F_FORM: Final = re.compile(r"[0-9]{2,4}")
_ANY_OF_BROAD: Final = "089"  # not further defined, across its narrow fields, none of them
_ESCO: Final = re.compile(
    r"http://data\.europa\.eu/esco/occupation/"
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
)


def require_isco08(code: str, name: str) -> None:
    """Refuse what is no group of ISCO-08, major to unit.

    Raises:
        Refusal: MALFORMED, with the name of the field.
    """
    if code not in ISCO08:
        raise Refusal(Code.MALFORMED, f"{name}: is no group of ISCO-08")


def require_language(code: str, name: str) -> None:
    """Refuse what is no language of ISO 639-1 or 639-3.

    Raises:
        Refusal: MALFORMED, with the name of the field.
    """
    if code not in LANGUAGES:
        raise Refusal(Code.MALFORMED, f"{name}: is no code of ISO 639-1 or ISO 639-3")


def require_country(code: str, name: str) -> None:
    """Refuse what is neither a country of ISO 3166-1 nor a code left to users.

    Raises:
        Refusal: MALFORMED, with the name of the field.
    """
    if code not in COUNTRIES and _USER_ASSIGNED.fullmatch(code) is None:
        raise Refusal(Code.MALFORMED, f"{name}: is no country of ISO 3166-1")


def require_isced_f(code: str, name: str) -> None:
    """Refuse what is no field of ISCED-F 2013: broad (2 digits), narrow (3) or detailed (4).

    The last digit of a detailed field is not looked at.

    Raises:
        Refusal: MALFORMED, with the name of the field.
    """
    if _ISCED_F_FORM.fullmatch(code) is None:
        raise Refusal(Code.MALFORMED, f"{name}: must be 2 to 4 digits (ISCED-F 2013), like 0715")
    narrow = ISCED_F.get(code[:2])
    if narrow is None or (len(code) > 2 and code[2] not in narrow + _ANY_OF_BROAD):  # noqa: PLR2004
        raise Refusal(Code.MALFORMED, f"{name}: lies in no field of ISCED-F 2013")


def require_esco(uri: str, name: str) -> None:
    """Refuse what is no URI of an ESCO occupation.

    Raises:
        Refusal: MALFORMED, with the name of the field.
    """
    if _ESCO.fullmatch(uri) is None:
        raise Refusal(
            Code.MALFORMED,
            f"{name}: must be the URI of an ESCO occupation, "
            "http://data.europa.eu/esco/occupation/ and its identifier",
        )
