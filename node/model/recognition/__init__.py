"""Recognition: what a confirmed qualification is worth in another country, and why.

form        what an agreement says of it: the part `recognition` of an agreement's file
claims      what is known of a credential and of its holder
tables      an agreement, compiled once into what is looked up: `compile_agreement`
recognise   the judgement itself: `recognise`
verdict     what is found, and its canonical bytes: `encode_verdict`, `decode_verdict`
spans       days, calendar months, working days
lint        what is wrong with an agreement before somebody signs it
changes     what a newer text changes for whom
wording     every sentence about recognition, in English; languages are the wire's
explain     an agreement or a verdict, as sentences
"""
