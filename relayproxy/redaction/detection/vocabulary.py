"""The words around numbers, in seven languages: what a number is, and what may be said between its parts.

Knows: words.
Must not know: numbers, and where in a text a word stands.
"""

from typing import Literal

from relayproxy.redaction.detection.tokens import fold

Topic = Literal["card_number", "expiry", "security_code", "pin", "number", "other"]
"""What the digits that follow are. `other`: something that is not secret, such as a telephone number."""


def _words(text: str) -> frozenset[str]:
    return frozenset(fold(word) for word in text.split())


def _split_phrases(text: str) -> list[tuple[str, ...]]:
    """The phrases of a text, which stand between semicolons or line ends, as their words."""
    phrases = [phrase for line in text.split("\n") for phrase in line.split(";")]
    return [tuple(fold(word) for word in phrase.replace("'", " ").split()) for phrase in phrases if phrase.strip()]


FILLERS = _words("""
    uh um uhm er erm eh hm mm mhm ah oh ok okay so well and then next followed by dash hyphen space comma dot no
    nope sorry
    wait sec hang on hold yes yeah yep right now again finally lastly also like pause it its that thats s
    pardon me my mistake
    eh em este pues y luego despues entonces bueno vale si perdon disculpe espere guion espacio coma punto otra vez no
    euh heu ben et puis ensuite apres alors voila oui non pardon attendez tiret espace virgule point encore donc
    ah ahm aeh aehm ahem und dann danach weiter also ja nein entschuldigung moment warte strich komma leerzeichen noch
    nochmal mal so halt nochmals
    e ai depois entao ta bom sim nao desculpa desculpe espera traco espaco virgula ponto de novo
    ehm poi dopo quindi allora ecco si no scusi scusa aspetti trattino spazio virgola ancora
    en dan daarna vervolgens dus nee sorry wacht even streepje spatie punt nog eens
""")
"""Said between the groups of one number: pauses, "and then", "no, sorry", names of separators."""

CORRECTIONS = _words("""
    no nope not sorry wait correction pardon perdon disculpe non nein nicht entschuldigung falsch nao desculpa desculpe
    scusi scusa nee niet fout erreur
""")
"""Said before a part of a number is said again."""

COPULAS = _words("is was es era est c'est ist war lautet e era foi is was lautet was're")
"""Between a number and the word for it: "4821 is my PIN"."""
POSSESSIVES = _words("""
    my the our your mi el la mon ma le c ce meine mein die der das mio mia il o a meu minha de het mijn onze
    sein seine new neue nuovo nueva code card
""")

PRESSING = _words("""
    press hit push dial choose select pulse presione oprima marque appuyez tapez composez faites drucken druecken wahlen
    waehlen tippen pressione digite aperte tecle marque carregue prema digiti selezioni toets druk kies
""")
"""In front of the keys of a menu: "press 3"."""

CURRENCIES = _words("""
    euro euros eur usd dollar dollars buck bucks cent cents pound pounds quid pence gbp chf franken rappen francs
    pesos peso centimos dolares dolar libras reais real centavos centimes centesimi percent prozent percento procent
    por pour euri
""")
SIGNS = frozenset("$€£¥₹%")
UNITS = _words("""
    minutes minute hours hour days day weeks week months month years year people persons guests miles kilometers km
    kilos
    kg degrees points puntos points punkte pontos punti punten pages tickets pieces items times pm oclock
    minutos horas dias semanas meses anos personas kilometros grados entradas
    minutes heures heure jours semaines mois ans personnes kilometres places degres
    minuten stunden stunde tage wochen monate jahre personen uhr kilometer kilometern grad stuck karten
    minuto pessoas quilometros
    minuti ore giorni settimane mesi anni persone chilometri biglietti
    uur dagen weken maanden jaar personen kaartjes graden
""")
"""A number in front of one of these is an amount."""

MONTHS: dict[str, int] = {
    fold(name): at
    for names in (
        "january february march april may june july august september october november december",
        "jan feb mar apr may jun jul aug sep oct nov dec",
        "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
        "janvier fevrier mars avril mai juin juillet aout septembre octobre novembre decembre",
        "januar februar märz april mai juni juli august september oktober november dezember",
        "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
        "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
        "januari februari maart april mei juni juli augustus september oktober november december",
    )
    for at, name in enumerate(names.split(), 1)
}

_PHRASES: dict[Topic, str] = {
    "card_number": """
        card; cards; credit card; debit card; long number; visa; mastercard; master card; amex; american express;
        maestro;
        diners; discover; jcb
        tarjeta; tarjetas
        carte; carte bancaire; carte bleue; cb
        karte; kreditkarte; kartennummer; kreditkartennummer; debitkarte; ec karte; girokarte; girocard
        cartao; numero do cartao
        carta; carta di credito; bancomat; postepay
        kaart; kaartnummer; creditcard; creditcardnummer; betaalkaart; pinpas
    """,
    "expiry": """
        expiry; expiry date; expires; expire; expiration; expiration date; exp; exp date; valid until; valid thru;
        valid through; good thru; good through; good until
        caduca; caducidad; fecha de caducidad; vence; vencimiento; fecha de vencimiento; valida hasta; expira
        date d'expiration; date d expiration; date de validite; expire; validite; valable jusqu; fin de validite
        gultig bis; gueltig bis; ablaufdatum; verfallsdatum; lauft ab; lauft sie ab; laeuft ab; gultigkeit; verfallt
        validade; data de validade; valido ate; expira
        scadenza; scade; data di scadenza; valida fino
        vervaldatum; vervalt; geldig tot; geldig; houdbaar tot; verloopt
    """,
    "security_code": """
        cvv; cvc; cvv2; cvc2; csc; cvn; security code; card code; verification value; three digits; three digit code;
        3 digits; 3 digit code; four digits on the front; digits on the back; number on the back; code on the back;
        last three digits; last 3 digits
        codigo de seguridad; tres digitos; tres cifras; 3 digitos; digitos del reverso; digitos de atras;
        numeros de atras; tres numeros
        cryptogramme; cryptogramme visuel; code de securite; trois chiffres; 3 chiffres; chiffres au dos; code au dos
        prufnummer; pruefnummer; prufziffer; pruefziffer; kartenprufnummer; kartenpruefnummer; sicherheitscode;
        prufcode; drei ziffern; 3 ziffern; dreistellige; dreistelligen; ziffern auf der ruckseite
        codigo de seguranca; tres numeros; digitos no verso; numeros no verso; numeros atras; digitos atras
        codice di sicurezza; tre cifre; 3 cifre; cifre sul retro; codice sul retro
        beveiligingscode; veiligheidscode; drie cijfers; 3 cijfers; cijfers op de achterkant; code op de achterkant
    """,
    "pin": """
        pin; pins; pin code; pin number; pincode; pincodes; passcode; pass code; password; passwort; kennwort;
        passphrase;
        verification code; confirmation code sent; one time code; one time password; one time passcode; otp;
        access code;
        login code; authentication code; auth code; sms code; mfa code;
        unlock code; door code; gate code; secret code; lock code; entry code;
        alarm code; voicemail code; security pin
        clave; clave secreta; contrasena; codigo secreto; codigo de verificacion; codigo de acceso; codigo pin;
        codigo de confirmacion; clave de acceso; clave dinamica; numero secreto
        code pin; code secret; mot de passe; code de carte; code carte; code de ma carte; code de la carte;
        code bancaire; code de verification; code d'acces; code d acces; code confidentiel;
        code de validation; code personnel; digicode; code de la porte
        meine tan; die tan; eine tan; mtan; push tan;
        geheimzahl; pin nummer; pinnummer; bestatigungscode; verifizierungscode; sicherheits pin; zugangscode;
        zugangscodes; geheimnummer; turcode; einmalcode; freischaltcode; telefonpin; kundenkennwort
        senha; palavra passe; codigo de verificacao; codigo de acesso; codigo secreto; codigo de confirmacao; senhas;
        token
        codice segreto; codice pin; codice di verifica; codice di accesso; codice d'accesso; codice di conferma;
        parola chiave; codice dispositivo
        pincode; wachtwoord; verificatiecode; toegangscode; geheime code; bevestigingscode; inlogcode; deurcode
    """,
    "number": """
        code; codes; account; account number; acct; bank account; routing number; routing; social security;
        social security number; social; ssn; social insurance; national insurance; national insurance number;
        passport; passport number; tax id; taxpayer; itin; driver's license; driver s license; drivers license;
        driving licence; license number; licence number; id number; member id; member number; membership number;
        policy number; insurance number; medicare; medicare number; medicaid; customer number; customer id; nhs number;
        iban; bic; patient number; medical record number; client number; security number; identification number;
        user id;
        secret; secret number; personal number; group number; subscriber id; login
        codigo; cuenta; numero de cuenta; cuenta bancaria; seguridad social; numero de la seguridad social; dni; nie;
        nif;
        pasaporte; cedula; cedula de identidad; curp; rfc; clabe; numero de cliente; numero de socio; licencia; poliza;
        numero de poliza; carne; carnet; identificacion; numero de afiliado; numero de identidad
        code; compte; numero de compte; securite sociale; numero de securite sociale; secu; numero de secu; passeport;
        numero de passeport; carte vitale; carte d'identite; carte d identite; numero fiscal; numero client;
        permis de conduire; numero d'adherent; numero d adherent; numero de contrat; identifiant; rib;
        numero d'identification; numero d identification
        code; konto; kontonummer; bankkonto; sozialversicherung; sozialversicherungsnummer; rentenversicherungsnummer;
        versicherungsnummer; versichertennummer; krankenversicherungsnummer; krankenkassennummer; steuernummer;
        steuer id; steueridentifikationsnummer; identifikationsnummer; reisepass; reisepassnummer; passnummer;
        ausweis; ausweisnummer; personalausweis; personalausweisnummer; kundennummer; mitgliedsnummer; mandatsnummer;
        fuhrerscheinnummer; ahv nummer; sv nummer; zugangsnummer; vertragsnummer; kontonr; depotnummer
        codigo; conta; numero da conta; conta corrente; conta bancaria; cpf; cnpj; rg; nif; niss; nis; pis; agencia;
        passaporte; numero do passaporte; identidade; seguranca social; numero da seguranca social; cartao de cidadao;
        carteira de motorista; cnh; numero de cliente; numero do cliente; contribuinte; numero de contribuinte; utente;
        numero de utente; chave pix; matricula; carteirinha
        codice; conto; numero di conto; conto corrente; numero del conto; codice fiscale; partita iva; passaporto;
        numero di passaporto; carta d'identita; carta d identita; patente; tessera sanitaria; codice cliente;
        numero cliente; previdenza sociale; codice utente; polizza; numero di polizza; numero tessera
        code; rekening; rekeningnummer; bankrekening; bankrekeningnummer; burgerservicenummer; bsn; sofinummer;
        paspoort;
        paspoortnummer; rijbewijs; rijbewijsnummer; klantnummer; lidnummer; lidmaatschapsnummer; polisnummer;
        verzekeringsnummer; identiteitskaart; btw nummer; rijksregisternummer; relatienummer; zorgpas
    """,
    "other": """
        phone; phone number; telephone; telephone number; mobile; mobile number; cell; cell phone; cellphone;
        cell number;
        call; call me; call back; call me back; reach me; reach us; text me; fax; landline; extension; ext; whatsapp;
        order; order number; order id; booking; booking number; booking code; booking reference; reservation;
        reservation number; confirmation number; tracking; tracking number; tracking code; flight; flight number; room;
        room number; apartment; street; avenue; road; zip; zip code; zipcode; postcode; post code; postal code;
        area code;
        country code; dress code; promo code; promotion code; discount code; coupon code; voucher code; product code;
        bar code; barcode; qr code; error code; item number; invoice; invoice number; ticket; ticket number;
        case number; reference number; reference; serial; serial number; model; model number; page; chapter;
        price; cost; costs; total; amount; bill; born; birthday; date of birth; height; weight; ends in; ending in;
        ending with; source code; code of conduct; dialing code; dial code; balance; table; floor; bus; train; route;
        delivery; parcel; package
        telefono; numero de telefono; movil; celular; llamar; llamame; llameme; llamarme; pedido; numero de pedido;
        reserva; localizador; numero de reserva; codigo de reserva; seguimiento; numero de seguimiento; vuelo;
        habitacion; calle; piso; codigo postal; codigo de area; codigo promocional; codigo de descuento;
        codigo de producto; codigo de barras; factura; referencia; termina en; terminada en; naci; precio; extension;
        codigo de pais; codigo de error; numero de serie; modelo; expediente; ticket; prefijo; codigo de seguimiento;
        saldo
        telephone; numero de telephone; portable; mobile; appeler; m'appeler; rappeler; rappelez; rappelez moi;
        commande;
        numero de commande; reservation; numero de reservation; code de reservation; suivi; numero de suivi; vol;
        chambre;
        rue; appartement; code postal; code promo; code promotionnel; code barre; code barres; code de la route;
        facture;
        dossier; numero de dossier; reference; se termine par; finit par; ne le; nee le; prix; poste; joindre;
        indicatif;
        code erreur; numero de serie; tour; etage; code produit; colis; solde; code de suivi; fixe; tel
        telefon; telefonnummer; handy; handynummer; mobilnummer; rufnummer; anrufen; rufen; ruckruf; erreichen;
        erreichbar;
        bestellung; bestellnummer; auftrag; auftragsnummer; buchung; buchungsnummer; buchungscode; reservierung;
        reservierungsnummer; sendung; sendungsnummer; paketnummer; flug; flugnummer; zimmer; zimmernummer; strasse;
        wohnung; postleitzahl; plz; vorwahl; durchwahl; rechnung; rechnungsnummer; aktenzeichen; endet auf; endet mit;
        geboren; preis; geburtsdatum; qr code; aktionscode; rabattcode; gutscheincode; fehlercode; seriennummer; modell;
        tisch; stock; artikelnummer; vorgangsnummer; faxnummer; festnetz; kontostand; vergessen; zugnummer; ticketnummer
        telefone; numero de telefone; celular; telemovel; ligar; liga; pedido; numero do pedido; encomenda;
        reserva; localizador; rastreio; rastreamento; codigo de rastreio; codigo de rastreamento; codigo da reserva;
        voo;
        quarto; rua; avenida; apartamento; cep; codigo postal; codigo de barras; codigo promocional; fatura;
        nota fiscal;
        termina em; terminado em; final; nasci; preco; ramal; protocolo; numero do protocolo; numero de serie; modelo;
        codigo de desconto; codigo do produto; ddd; whatsapp; codigo de erro; contato
        telefono; numero di telefono; cellulare; chiamare; chiamarmi; richiamare; richiami; ordine;
        numero d'ordine; numero ordine; prenotazione; numero di prenotazione; codice prenotazione;
        codice di prenotazione;
        spedizione; numero di spedizione; tracciamento; codice di tracciamento; volo; camera; interno; cap;
        codice postale; codice promozionale; codice sconto; codice a barre; fattura; pratica; finisce con; nato; nata;
        prezzo; riferimento; numero di serie; modello; prefisso; codice prodotto; pacco; codice errore
        telefoon; telefoonnummer; mobiel; mobiele; mobiel nummer; bellen; bel; bel me; bereiken; bestelling;
        bestelnummer;
        ordernummer; boeking; boekingsnummer; boekingscode; reservering; reserveringsnummer; trackingnummer; track;
        zending; vlucht; vluchtnummer; kamer; kamernummer; straat; appartement; postcode; toestel; factuur;
        factuurnummer;
        eindigt op; geboren; prijs; kortingscode; actiecode; referentie; dossiernummer; serienummer; netnummer;
        landcode;
        zaaknummer; volgnummer; artikelnummer; streepjescode; foutcode; saldo; ticketnummer; pakket; vergeten
    """,
}

IDENTITY = frozenset(
    _split_phrases("""
        social security; social security number; social; ssn; social insurance; national insurance;
        national insurance number; passport; passport number; tax id; taxpayer; itin; driver's license;
        driver s license; drivers license; driving licence; license number; licence number; medicare; medicare number;
        medicaid; nhs number; iban; security number; secret; secret number
        seguridad social; numero de la seguridad social; dni; nie; nif; pasaporte; cedula; cedula de identidad; curp;
        rfc; clabe; licencia; numero de identidad
        securite sociale; numero de securite sociale; secu; numero de secu; passeport; numero de passeport;
        carte vitale; carte d'identite; carte d identite; numero fiscal; permis de conduire
        sozialversicherung; sozialversicherungsnummer; rentenversicherungsnummer; steuernummer; steuer id;
        steueridentifikationsnummer; reisepass; reisepassnummer; passnummer; ausweis; ausweisnummer; personalausweis;
        personalausweisnummer; fuhrerscheinnummer; ahv nummer; sv nummer
        cpf; cnpj; rg; niss; nis; pis; passaporte; numero do passaporte; identidade; seguranca social;
        numero da seguranca social; cartao de cidadao; carteira de motorista; cnh; contribuinte;
        numero de contribuinte; utente; numero de utente
        codice fiscale; partita iva; passaporto; numero di passaporto; carta d'identita; carta d identita; patente;
        tessera sanitaria; previdenza sociale
        burgerservicenummer; bsn; sofinummer; paspoort; paspoortnummer; rijbewijs; rijbewijsnummer; identiteitskaart;
        btw nummer; rijksregisternummer
    """)
)
"""Those phrases for a number that tell a person's identity. The others, such as "account", are also what operators call
their own keys, so that as the name of a member they announce nothing."""

ANY_CODE = frozenset({"code", "codes", "codigo", "codice"})
"""A code that is not said to be any certain one."""
PHRASES: dict[str, list[tuple[tuple[str, ...], Topic]]] = {}
"""By first word: the whole phrase and what it announces; longest first."""

for _topic, _text in _PHRASES.items():
    for _split in _split_phrases(_text):
        PHRASES.setdefault(_split[0], []).append((_split, _topic))
for _entries in PHRASES.values():
    _entries.sort(key=lambda entry: -len(entry[0]))

TELLING = frozenset(
    max(reversed(phrase), key=len) for entries in PHRASES.values() for phrase, topic in entries if topic != "other"
)
"""A word of each phrase that announces something secret, by which a text is told to have one."""
OTHER_TELLING = frozenset(
    max(reversed(phrase), key=len) for entries in PHRASES.values() for phrase, topic in entries if topic == "other"
)
"""The same of what announces something that is no secret."""
PHONES = _words("""
    phone telephone mobile cell cellphone landline fax whatsapp telefono movil celular portable fixe tel
    telefon telefonnummer handy handynummer mobilnummer rufnummer faxnummer festnetz telefone telemovel cellulare
    telefoon telefoonnummer mobiel mobiele
""")
"""Words of those phrases that announce telephone numbers."""
