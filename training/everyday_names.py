"""Everyday words and what they are true of: what stands above Tiny ImageNet's kinds and CIFAR-10's ten in WordNet.

Chosen and written down by hand, after WordNet's tree and plain English. A member is a kind (by the first of its names
in WordNet, in small letters), one of CIFAR-10's classes, or another word of these tables.
"""

_INSECTS = "ladybug, fly, bee, grasshopper, walking stick, cockroach, mantis, dragonfly, butterfly"

# Words for things that look alike: a picture that is not said to be one of them is none of them.
EVERYDAY = {
    "dog": "chihuahua, yorkshire terrier, golden retriever, labrador retriever, german shepherd, standard poodle",
    "cat": "tabby, persian cat, egyptian cat",
    "bird": "goose, black stork, king penguin, albatross",
    "frog": "bullfrog, tailed frog",
    "fish": "goldfish",
    "snake": "boa constrictor",
    "salamander": "european fire salamander",
    "alligator": "american alligator",
    "spider": "black widow, tarantula",
    "butterfly": "monarch, sulphur butterfly",
    "lobster": "american lobster, spiny lobster",
    "coral": "brain coral, coral reef",
    "big cat": "cougar, lion",
    "bear": "brown bear",
    "panda": "lesser panda",
    "pig": "hog",
    "cow": "ox, bison",
    "sheep": "bighorn",
    "antelope": "gazelle",
    "camel": "arabian camel",
    "monkey": "orangutan, chimpanzee, baboon",
    "elephant": "african elephant",
    "stork": "black stork",
    "penguin": "king penguin",
    "car": "automobile, beach wagon, convertible, limousine, sports car",
    "van": "moving van, police van",
    "truck": "moving van",
    "bus": "school bus, trolleybus",
    "train": "bullet train, freight car",
    "boat": "ship, lifeboat, gondola",
    "bridge": "steel arch bridge, suspension bridge, viaduct",
    "tower": "beacon, water tower",
    "shop": "barbershop, butcher shop, confectionery",
    "house": "barn, cliff dwelling, thatch",
    "fence": "picket fence, bannister",
    "table": "desk, dining table",
    "chair": "rocking chair",
    "lamp": "lampshade",
    "bottle": "beer bottle, pill bottle, pop bottle",
    "pan": "frying pan, wok",
    "spoon": "wooden spoon",
    "ball": "basketball, rugby ball, volleyball",
    "keyboard": "computer keyboard",
    "phone": "pay-phone",
    "clock": "stopwatch",
    "compass": "magnetic compass",
    "glasses": "sunglasses",
    "bag": "backpack",
    "shoe": "sandal",
    "hat": "sombrero",
    "coat": "fur coat",
    "sweater": "cardigan",
    "skirt": "miniskirt",
    "swimsuit": "bikini, swimming trunks",
    "uniform": "military uniform",
    "robe": "academic gown, vestment, kimono",
    "mask": "gasmask",
    "tie": "bow tie",
    "candy": "ice lolly",
    "pepper": "bell pepper",
    "pie": "potpie",
    "coffee": "espresso",
    "book": "comic book",
    "mountain": "alp",
    "beach": "seashore",
    "lake": "lakeside",
    "nut": "acorn",
    "rocket": "projectile",
}

# Words for things that look different: what is not said to be one of them may be one all the same.
BROAD = {
    "insect": _INSECTS,
    "bug": "insect, spider, centipede, scorpion",
    "animal": "dog, cat, bird, frog, fish, snake, salamander, alligator, insect, bug, lobster, dugong, big cat, bear, "
    "panda, pig, cow, sheep, antelope, camel, monkey, elephant, deer, horse, koala, guinea pig, jellyfish, snail, "
    "slug, sea slug, sea cucumber",
    "vehicle": "car, van, truck, bus, train, boat, airplane, tractor, go-kart, jinrikisha",
    "building": "house, tower, shop, triumphal arch",
    "furniture": "table, chair, chest",
    "clothes": "coat, sweater, skirt, swimsuit, uniform, robe, poncho, apron, sock",
    "musical instrument": "oboe, organ",
    "fruit": "orange, lemon, banana, pomegranate",
    "vegetable": "cauliflower, bell pepper",
    "food": "fruit, vegetable, guacamole, ice cream, ice lolly, pretzel, mashed potato, mushroom, meat loaf, pizza, "
    "potpie, plate",
    "landscape": "alp, cliff, lakeside, seashore",
}


def members(word: str) -> tuple[str, ...]:
    """What one of the words above is true of, as the tables have it; () for any other word."""
    listed = EVERYDAY.get(word) or BROAD.get(word) or ""
    return tuple(name.strip() for name in listed.split(",") if name.strip())


def words_above(name: str) -> tuple[str, ...]:
    """All words that are true of ``name`` besides itself, the nearest first: chihuahua, then dog, then animal."""
    above: list[str] = []
    wanted = [name]
    while wanted:
        lower = wanted.pop(0)
        for word in (*EVERYDAY, *BROAD):
            if lower in members(word) and word != name and word not in above:
                above.append(word)
                wanted.append(word)
    return tuple(above)
