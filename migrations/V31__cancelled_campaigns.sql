-- Producers look every second for cancelled campaigns with waiting recipients.
create index campaign_cancelled on campaign (id) where state = 'cancelled';
