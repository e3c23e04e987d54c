"""What the demo shop sells: plausible, made up, and always the same. Pure data."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

SHOP_NAME: Final = "Anadolu Atölye"


@dataclass(frozen=True, slots=True)
class DemoProduct:
    """One product; `weight` says how often it is bought compared with the others."""

    sku: str
    turkish: str
    english: str
    price: Decimal
    """In TRY, before tax."""
    stock: int
    weight: int


def _products(table: str) -> tuple[DemoProduct, ...]:
    found: list[DemoProduct] = []
    for line in table.strip().splitlines():
        sku, turkish, english, price, stock, weight = (part.strip() for part in line.split("|"))
        found.append(DemoProduct(sku, turkish, english, Decimal(price), int(stock), int(weight)))
    return tuple(found)


PRODUCTS: Final = _products(
    """
    KHV-101 | Bakır Cezve, 4 Kişilik            | Copper Coffee Pot, 4 Cups        | 389.90  | 84  | 9
    KHV-102 | Bakır Cezve, 2 Kişilik            | Copper Coffee Pot, 2 Cups        | 299.90  | 61  | 6
    KHV-110 | Türk Kahvesi, 500 g               | Turkish Coffee, 500 g            | 214.50  | 320 | 14
    KHV-111 | Türk Kahvesi, Damla Sakızlı 250 g | Turkish Coffee with Mastic 250 g | 164.90  | 140 | 8
    KHV-120 | Porselen Fincan Takımı, 6'lı      | Porcelain Cup Set of 6           | 549.00  | 47  | 7
    KHV-121 | El Boyaması Fincan, Lale          | Hand-Painted Cup, Tulip          | 129.90  | 112 | 6
    KHV-130 | El Değirmeni, Pirinç              | Brass Hand Grinder               | 689.00  | 22  | 4
    CAY-201 | Çift Demlik Çaydanlık, 2 L        | Double Teapot, 2 l               | 899.00  | 38  | 5
    CAY-202 | İnce Belli Bardak, 6'lı           | Tulip Tea Glasses, Set of 6      | 149.90  | 210 | 11
    CAY-203 | Bakır Çay Tepsisi                 | Copper Tea Tray                  | 449.90  | 31  | 3
    CAY-210 | Rize Çayı, 1 kg                   | Rize Black Tea, 1 kg             | 189.90  | 400 | 15
    CAY-211 | Ihlamur, 100 g                    | Linden Tea, 100 g                | 84.90   | 160 | 5
    CAY-212 | Adaçayı, 80 g                     | Sage Tea, 80 g                   | 74.90   | 130 | 4
    ZYT-301 | Naturel Sızma Zeytinyağı, 1 L     | Extra Virgin Olive Oil, 1 l      | 329.90  | 180 | 13
    ZYT-302 | Naturel Sızma Zeytinyağı, 5 L     | Extra Virgin Olive Oil, 5 l      | 1489.00 | 42  | 6
    ZYT-303 | Erken Hasat Zeytinyağı, 500 ml    | Early Harvest Olive Oil, 500 ml  | 279.90  | 75  | 6
    ZYT-310 | Zeytinyağlı Sabun, 4'lü           | Olive Oil Soap, Pack of 4        | 119.90  | 260 | 10
    ZYT-311 | Defne Sabunu, 3'lü                | Laurel Soap, Pack of 3           | 134.90  | 190 | 7
    ZYT-320 | Siyah Zeytin, Gemlik 1 kg         | Black Olives, Gemlik 1 kg        | 199.90  | 150 | 7
    ZYT-321 | Yeşil Zeytin, Kırma 1 kg          | Cracked Green Olives, 1 kg       | 179.90  | 120 | 5
    TKS-401 | Peştemal, Çizgili Lacivert        | Striped Hammam Towel, Navy       | 249.90  | 95  | 10
    TKS-402 | Peştemal, Çizgili Kiremit         | Striped Hammam Towel, Terracotta | 249.90  | 88  | 9
    TKS-403 | Peştemal, Elmas Desen             | Diamond Hammam Towel             | 279.90  | 64  | 7
    TKS-410 | Pamuk Bornoz, M                   | Cotton Bathrobe, M               | 799.00  | 33  | 4
    TKS-411 | Pamuk Bornoz, L                   | Cotton Bathrobe, L               | 799.00  | 29  | 4
    TKS-420 | Müslin Pike, Çift Kişilik         | Muslin Blanket, Double           | 1149.00 | 26  | 5
    TKS-421 | Müslin Bebek Battaniyesi          | Muslin Baby Blanket              | 329.90  | 58  | 6
    TKS-430 | Keten Masa Örtüsü, 160x220        | Linen Tablecloth, 160x220        | 689.00  | 24  | 3
    TKS-431 | Keten Runner, 40x150              | Linen Runner, 40x150             | 259.90  | 44  | 3
    TKS-440 | Dokuma Yastık Kılıfı, 45x45       | Woven Cushion Cover, 45x45       | 199.90  | 103 | 8
    TKS-450 | El Dokuması Kilim, 80x150         | Handwoven Kilim, 80x150          | 2890.00 | 9   | 2
    TKS-451 | El Dokuması Kilim, 120x180        | Handwoven Kilim, 120x180         | 4750.00 | 5   | 1
    SRM-501 | Çini Kase, 16 cm                  | Iznik-Style Bowl, 16 cm          | 239.90  | 72  | 7
    SRM-502 | Çini Tabak, 25 cm                 | Iznik-Style Plate, 25 cm         | 359.90  | 51  | 5
    SRM-503 | Çini Vazo, Karanfil               | Iznik-Style Vase, Carnation      | 749.00  | 14  | 2
    SRM-510 | Seramik Kupa, Mavi                | Ceramic Mug, Blue                | 139.90  | 145 | 9
    SRM-511 | Seramik Kupa, Beyaz               | Ceramic Mug, White               | 139.90  | 152 | 9
    SRM-520 | Güveç Kabı, Toprak 2 L            | Clay Casserole, 2 l              | 319.90  | 36  | 4
    SRM-521 | Testi Kebabı Kabı                 | Clay Pot for Kebab               | 229.90  | 28  | 2
    GDA-601 | Çam Balı, 850 g                   | Pine Honey, 850 g                | 389.90  | 90  | 8
    GDA-602 | Süzme Çiçek Balı, 850 g           | Flower Honey, 850 g              | 349.90  | 105 | 8
    GDA-603 | Antep Fıstığı, 500 g              | Gaziantep Pistachios, 500 g      | 549.90  | 78  | 9
    GDA-604 | Çifte Kavrulmuş Lokum, 450 g      | Double-Roasted Lokum, 450 g      | 224.90  | 130 | 12
    GDA-605 | Güllü Lokum, 450 g                | Rose Lokum, 450 g                | 204.90  | 118 | 9
    GDA-606 | Kuru İncir, 500 g                 | Dried Figs, 500 g                | 219.90  | 96  | 6
    GDA-607 | Gün Kurusu Kayısı, 500 g          | Sun-Dried Apricots, 500 g        | 199.90  | 102 | 6
    GDA-608 | Pul Biber, Maraş 250 g            | Maraş Pepper Flakes, 250 g       | 109.90  | 170 | 8
    GDA-609 | Sumak, 200 g                      | Sumac, 200 g                     | 89.90   | 155 | 6
    GDA-610 | Nar Ekşisi, 700 ml                | Pomegranate Molasses, 700 ml     | 159.90  | 126 | 7
    GDA-611 | Tahin, 600 g                      | Tahini, 600 g                    | 169.90  | 98  | 5
    GDA-612 | Üzüm Pekmezi, 800 g               | Grape Molasses, 800 g            | 179.90  | 87  | 5
    GDA-613 | Ev Eriştesi, 500 g                | Homemade Noodles, 500 g          | 94.90   | 110 | 4
    GDA-614 | Tarhana, 500 g                    | Tarhana Soup Mix, 500 g          | 144.90  | 92  | 4
    AKS-701 | Deri Cüzdan, Kahve                | Leather Wallet, Brown            | 459.90  | 40  | 5
    AKS-702 | Deri Kartlık, Siyah               | Leather Card Holder, Black       | 249.90  | 66  | 5
    AKS-703 | Nazar Boncuklu Bileklik           | Evil Eye Bracelet                | 119.90  | 230 | 11
    AKS-704 | Gümüş Yüzük, Telkari              | Filigree Silver Ring             | 589.00  | 18  | 3
    AKS-705 | Gümüş Küpe, Telkari               | Filigree Silver Earrings         | 649.00  | 16  | 3
    AKS-706 | İpek Fular, Ebru Desen            | Silk Scarf, Marbled              | 899.00  | 12  | 3
    AKS-707 | Keçe Terlik, 40-41                | Felt Slippers, 40-41             | 349.90  | 34  | 3
    """
)

OPENING_STOCK: Final[dict[str, int]] = {
    "TKS-451": 0,
    "SRM-503": 2,
    "AKS-706": 3,
    "KHV-130": 4,
    "AKS-705": 0,
    "TKS-450": 1,
}
"""Products that are short when the demo begins, so that stock figures are not all nought."""

MARKETPLACE_SHARE: Final[dict[str, int]] = {
    "shop": 20,
    "trendyol": 27,
    "hepsiburada": 18,
    "amazon": 11,
    "n11": 10,
    "etsy": 7,
    "ebay": 4,
    "ozon": 3,
}
"""Percent of orders per channel; `shop` is the shop's own counter."""

CURRENCIES: Final[dict[str, tuple[str, str, str, int, Decimal]]] = {
    "TRY": ("Türk Lirası", "", " ₺", 2, Decimal("1.00000000")),
    "USD": ("US Dollar", "$", "", 2, Decimal("0.02380952")),
    "EUR": ("Euro", "", " €", 2, Decimal("0.02040816")),
}
"""Code -> title, symbols, decimals, value of one TRY."""

BUYER_CURRENCIES: Final[dict[str, tuple[str, ...]]] = {
    "amazon": ("TRY", "TRY", "EUR", "USD"),
    "ebay": ("USD", "USD", "EUR"),
    "etsy": ("USD", "EUR"),
    "ozon": ("USD",),
}
"""What buyers of a channel pay in; everybody else pays TRY."""

GIVEN_NAMES: Final = [
    "Ayşe",
    "Mehmet",
    "Zeynep",
    "Mustafa",
    "Elif",
    "Ahmet",
    "Fatma",
    "Emre",
    "Merve",
    "Burak",
    "Selin",
    "Can",
    "Deniz",
    "Ece",
    "Kerem",
    "Gamze",
    "Onur",
    "Pınar",
    "Hakan",
    "Büşra",
    "Tolga",
    "Derya",
    "Serkan",
    "Esra",
    "Barış",
    "Sibel",
    "Umut",
    "Nazlı",
    "Volkan",
    "Aslı",
    "Cem",
    "Gül",
    "Murat",
    "Yasemin",
    "Oğuz",
    "Melis",
    "Kaan",
    "Tuğba",
    "İbrahim",
    "Hande",
]
FAMILY_NAMES: Final = [
    "Yılmaz",
    "Kaya",
    "Demir",
    "Çelik",
    "Şahin",
    "Yıldız",
    "Öztürk",
    "Aydın",
    "Özdemir",
    "Arslan",
    "Doğan",
    "Kılıç",
    "Aslan",
    "Çetin",
    "Kara",
    "Koç",
    "Kurt",
    "Özkan",
    "Şimşek",
    "Polat",
    "Korkmaz",
    "Erdoğan",
    "Güneş",
    "Aksoy",
    "Bulut",
    "Taş",
    "Avcı",
    "Keskin",
    "Ünal",
    "Tekin",
    "Sarı",
    "Uçar",
    "Duman",
    "Bozkurt",
    "Toprak",
    "Işık",
    "Ateş",
    "Ergin",
]

STATUS_NAMES: Final[dict[int, tuple[str, str]]] = {
    1: ("Pending", "Beklemede"),
    2: ("Processing", "Hazırlanıyor"),
    3: ("Shipped", "Kargolandı"),
    5: ("Complete", "Tamamlandı"),
    7: ("Canceled", "İptal Edildi"),
    8: ("Denied", "Reddedildi"),
    9: ("Canceled Reversal", "İptal Geri Alındı"),
    10: ("Failed", "Başarısız"),
    11: ("Refunded", "İade Edildi"),
    12: ("Reversed", "Geri Çevrildi"),
    13: ("Chargeback", "Ters İbraz"),
    14: ("Expired", "Süresi Doldu"),
    15: ("Processed", "İşlendi"),
    16: ("Voided", "Geçersiz"),
}
"""OpenCart's own statuses in English and Turkish."""
