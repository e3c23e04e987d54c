<?php
// Heading
$_['heading_title'] = 'MesChain-Sync';

// Text
$_['text_extension'] = 'Eklentiler';
$_['text_success'] = 'Ayarlar kaydedildi.';
$_['text_edit'] = 'MesChain-Sync ayarları';
$_['text_dashboards'] = 'Canlı paneller';
$_['text_settings'] = 'Ayarlar';
$_['text_key_kept'] = 'Kayıtlı bir anahtar var; korumak için boş bırakın.';

// Entry
$_['entry_url'] = 'Adres';
$_['entry_key'] = 'Anahtar';
$_['entry_orders'] = 'Siparişleri bildir';
$_['entry_status'] = 'Durum';

// Help
$_['help_url'] = 'MesChain-Sync adresiniz, örneğin https://live.example.com';
$_['help_key'] = 'Şu komut yazdırır: meschain key create opencart --kind order --marketplace shop';
$_['help_orders'] = 'Yalnızca MesChain-Sync bu mağazanın veritabanını kendisi okumuyorsa: yoksa siparişler iki kez bildirilir.';

// Error
$_['error_permission'] = 'MesChain-Sync kullanma yetkiniz yok; bir yöneticiden isteyin.';
$_['error_url'] = 'https:// ile başlayan bir adres verin (http:// yalnızca bu makine için).';
$_['error_key'] = 'Anahtarı yazdırıldığı gibi tam verin; mck_ ile başlar.';
$_['error_off'] = 'MesChain-Sync kurulmamış; adresini verin ve etkinleştirin.';
