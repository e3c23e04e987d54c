<?php
// Heading
$_['heading_title'] = 'MesChain-Sync';

// Text
$_['text_extension'] = 'Extensions';
$_['text_success'] = 'The settings are saved.';
$_['text_edit'] = 'Settings of MesChain-Sync';
$_['text_dashboards'] = 'Live dashboards';
$_['text_settings'] = 'Settings';
$_['text_key_kept'] = 'A key is saved; leave this empty to keep it.';

// Entry
$_['entry_url'] = 'Address';
$_['entry_key'] = 'Key';
$_['entry_orders'] = 'Publish orders';
$_['entry_status'] = 'Status';

// Help
$_['help_url'] = 'Of your MesChain-Sync, for example https://live.example.com';
$_['help_key'] = 'Printed by: meschain key create opencart --kind order --marketplace shop';
$_['help_orders'] = 'Only where MesChain-Sync does not read this shop\'s database itself: orders would be told twice.';

// Error
$_['error_permission'] = 'You may not use MesChain-Sync; ask an administrator for the right.';
$_['error_url'] = 'Give an address that begins with https:// (http:// to this machine only).';
$_['error_key'] = 'Give a whole key as it was printed; it begins with mck_.';
$_['error_off'] = 'MesChain-Sync is not set up; give its address and enable it.';
